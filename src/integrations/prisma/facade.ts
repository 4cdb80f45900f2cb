/** What a facade shows for a property, instead of what `of` has. */
type Shown<Of extends object> = (of: Of, property: string | symbol) => unknown;

/**
 * A proxy that shows an object, but for what `shown` gives in the place of its properties. Its target is empty: Prisma's
 * clients and models are proxies themselves, which a proxy around them has to ask for a descriptor at each look.
 */
export function facade<Of extends object>(of: Of, shown: Shown<Of>): Of {
  return new Proxy({}, new Facade(of, shown)) as Of;
}

/** Not by `Reflect.get`, which is many times slower on the proxies of Prisma. */
export function valueOf(of: object, property: string | symbol): unknown {
  return (of as Readonly<Record<string | symbol, unknown>>)[property];
}

class Facade<Of extends object> implements ProxyHandler<object> {
  readonly #of: Of;
  readonly #shown: Shown<Of>;

  constructor(of: Of, shown: Shown<Of>) {
    this.#of = of;
    this.#shown = shown;
  }

  get(_: object, property: string | symbol): unknown {
    return this.#shown(this.#of, property);
  }
  set(_: object, property: string | symbol, value: unknown): boolean {
    return Reflect.set(this.#of, property, value);
  }
  has(_: object, property: string | symbol): boolean {
    return Reflect.has(this.#of, property);
  }
  ownKeys(): (string | symbol)[] {
    return Reflect.ownKeys(this.#of);
  }
  /** Of a property that the empty target does not have, only one that can change may be told. */
  getOwnPropertyDescriptor(_: object, property: string | symbol): PropertyDescriptor | undefined {
    const found = Reflect.getOwnPropertyDescriptor(this.#of, property);
    return found && { ...found, configurable: true };
  }
  defineProperty(_: object, property: string | symbol, descriptor: PropertyDescriptor): boolean {
    return Reflect.defineProperty(this.#of, property, descriptor);
  }
  deleteProperty(_: object, property: string | symbol): boolean {
    return Reflect.deleteProperty(this.#of, property);
  }
  getPrototypeOf(): object | null {
    return Reflect.getPrototypeOf(this.#of);
  }
  /** Frozen it would have to show what it had then. */
  preventExtensions(): boolean {
    return false;
  }
}
