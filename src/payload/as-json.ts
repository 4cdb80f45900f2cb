/** What is written as JSON and read again as it was. */
export type PlainJson =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly PlainJson[]
  | { readonly [name: string]: PlainJson };

/** What JSON has nothing for. */
export type Unwritable =
  | bigint
  | symbol
  | ((...given: never[]) => unknown)
  | (abstract new (...given: never[]) => unknown)
  | PromiseLike<unknown>
  | AsyncIterable<unknown>;

/** What a value comes back as when it was written as JSON: a `Date` as text, an object without its methods. */
export type AsJson<Type> = unknown extends Type
  ? Type
  : // Branded ones are among them, which are objects for the compiler; and what refers to itself is not followed.
    Type extends PlainJson
    ? Type
    : Type extends { toJSON: (...given: never[]) => infer Json }
      ? AsJson<Json>
      : Type extends Unwritable
        ? never
        : Type extends readonly unknown[]
          ? AsJsonList<Type>
          : Type extends Iterable<unknown>
            ? never
            : Type extends object
              ? {
                  [
                    Key in keyof Type as Key extends symbol ? never : Type[Key] extends Unwritable ? never : Key
                  ]: AsJson<Type[Key]>;
                }
              : Type;

/** Those of a tuple one by one. The compiler looks at the items of another list when they are asked for, which may be such lists. */
export type AsJsonList<List extends readonly unknown[]> = number extends List['length']
  ? List extends (infer Item)[]
    ? AsJson<Item>[]
    : readonly AsJson<List[number]>[]
  : { [Index in keyof List]: AsJson<List[Index]> };

/**
 * `Type` where JSON keeps all of it, and otherwise something that it does not fit: with `never` in place of what JSON has nothing
 * for, and text in place of a `Date`.
 */
export type KeptByJson<Type> = unknown extends Type
  ? Type
  : Type extends PlainJson
    ? Type
    : Type extends { toJSON: (...given: never[]) => infer Json }
      ? AsJson<Json>
      : Type extends Unwritable
        ? never
        : Type extends readonly unknown[]
          ? KeptList<Type>
          : Type extends Iterable<unknown>
            ? never
            : Type extends object
              ? { [Key in keyof Type as Key extends symbol ? never : Key]: KeptByJson<Type[Key]> }
              : Type;

type KeptList<List extends readonly unknown[]> = number extends List['length']
  ? List extends (infer Item)[]
    ? KeptByJson<Item>[]
    : readonly KeptByJson<List[number]>[]
  : { [Index in keyof List]: KeptByJson<List[Index]> };
