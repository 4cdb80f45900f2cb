/** What a value comes back as when it was written as JSON: a `Date` as text, an object without its methods. */
export type AsJson<Type> = unknown extends Type
  ? Type
  : // Branded ones are among them, which are objects for the compiler.
    Type extends string | number | boolean | null | undefined
    ? Type
    : Type extends { toJSON: (...given: never[]) => infer Json }
      ? AsJson<Json>
      : Type extends bigint | symbol | ((...given: never[]) => unknown)
        ? never
        : Type extends readonly unknown[]
          ? { [Index in keyof Type]: AsJson<Type[Index]> }
          : Type extends object
            ? {
                [
                  Key in keyof Type as Key extends symbol
                    ? never
                    : Type[Key] extends bigint | symbol | ((...given: never[]) => unknown)
                      ? never
                      : Key
                ]: AsJson<Type[Key]>;
              }
            : Type;
