/** Values that hardly any option takes, by how they are called in the names of tests. */
export const nonsense: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['0', 0],
  ['-1', -1],
  ['1.5', 1.5],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['1e300', 1e300],
  ['2 ** 53', 2 ** 53],
  ['a big integer', 5n],
  ['an empty text', ''],
  ['a text', 'SERIALIZABLE; drop table product; --'],
  ['a text of 20,000 characters', 'a'.repeat(20_000)],
  ['a text with NUL', 'a\0b'],
  ['half a character', 'a\uD800'],
  ['an object', {}],
  ['a list', []],
  ['a list of lists', [[[]]]],
  ['a list that reads as a text', ['Z']],
  ['a symbol', Symbol('nonsense')],
  ['a function', () => 1],
  ['a promise', Promise.resolve({})],
  ['a boxed text', Object('SERIALIZABLE')],
  ['a date', new Date(0)],
  ['a Proxy that was revoked', revoked()],
];

/** Objects whose content is not in their properties: they are no options, also where every option may be left out. */
export const builtIns: readonly (readonly [string, unknown])[] = [
  ['a map', new Map()],
  ['a set', new Set()],
  ['a weak map', new WeakMap()],
  ['a date', new Date(0)],
  ['a pattern', /x/],
  ['an error', new Error('x')],
  ['search parameters', new URLSearchParams()],
  ['headers', new Headers()],
  ['bytes', new Uint8Array()],
  ['a promise', Promise.resolve({})],
  ['an iterator', [].values()],
  ['a boxed text', Object('SERIALIZABLE')],
];

/** What an option takes. */
export interface Domain {
  readonly good: readonly unknown[];
  accepts(value: unknown): boolean;
  /** Of an option that takes a number. */
  readonly range?: Range | undefined;
}

/** The numbers that an option takes, and what they count. */
export interface Range {
  readonly low: number;
  readonly high: number;
  readonly unit: 'milliseconds' | 'bytes' | 'characters' | 'count';
}

export const whole = (low: number, high: number, ...good: number[]): Domain => wholeIn('count', low, high, good);
export const bytes = (low: number, high: number): Domain => wholeIn('bytes', low, high, []);
export const characters = (low: number, high: number): Domain => wholeIn('characters', low, high, []);
export const milliseconds = (low: number, high: number, ...good: number[]): Domain =>
  wholeIn('milliseconds', low, high, good);

function wholeIn(unit: Range['unit'], low: number, high: number, good: readonly number[]): Domain {
  return {
    good: good.length > 0 ? good : [low],
    accepts: (value) => Number.isInteger(value) && Number(value) >= low && Number(value) <= high,
    range: { low, high, unit },
  };
}

export const timer = 2_147_483_647;
export const truth: Domain = { good: [true, false], accepts: (value) => typeof value === 'boolean' };
export const some = (...good: unknown[]): Domain => ({ good, accepts: () => false });
export const called = (...good: unknown[]): Domain => ({
  good: good.length > 0 ? good : [() => undefined],
  accepts: (value) => typeof value === 'function',
});
/** Text without NUL and halves of characters. */
export const words = (longest: number, ...good: string[]): Domain => ({
  good: good.length > 0 ? good : ['sale'],
  accepts: (value) =>
    typeof value === 'string' &&
    value !== '' &&
    value.length <= longest &&
    !value.includes('\0') &&
    value.isWellFormed(),
});
/** One line of text. */
export const line = (longest: number, ...good: string[]): Domain => ({
  good,
  accepts: (value) =>
    typeof value === 'string' &&
    value !== '' &&
    value.length <= longest &&
    value.isWellFormed() &&
    !/[\p{Cc}\u2028\u2029]/u.test(value),
});
export const thing = (...good: unknown[]): Domain => ({
  good,
  accepts: (value) => typeof value === 'object' && value !== null,
});
export const either = (...domains: readonly Domain[]): Domain => ({
  good: domains.flatMap(({ good }) => good),
  accepts: (value) => domains.some((domain) => domain.accepts(value)),
  range: domains.find(({ range }) => range !== undefined)?.range,
});
export const only = (...values: unknown[]): Domain => ({ good: values, accepts: (value) => values.includes(value) });

/** How an option can be given so that no list of own enumerable properties shows it. */
export const hidden: readonly (readonly [string, (name: string, get: () => unknown) => object])[] = [
  ['a getter', (name, get) => Object.defineProperty({}, name, { get, enumerable: true })],
  ['a prototype', (name, get) => Object.create({ [name]: get() }) as object],
  ['a class', (name, get) => new (withAccessor(name, get))()],
  ['a property that is not listed', (name, get) => Object.defineProperty({}, name, { value: get() })],
  [
    'a Proxy',
    (name, get) =>
      new Proxy<object>(
        {},
        { get: (target, asked) => (asked === name ? get() : (Reflect.get(target, asked) as unknown)) },
      ),
  ],
];

function withAccessor(name: string, get: () => unknown): new () => object {
  return class {
    static {
      Object.defineProperty(this.prototype, name, { get });
    }
  };
}

export function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

export function canBeRead(value: unknown): boolean {
  try {
    Object.keys(Object(value));
    return true;
  } catch {
    return false;
  }
}

/** An object of names and values, plain or of a class. */
export const isRecord = (value: unknown): boolean =>
  canBeRead(value) && Object.prototype.toString.call(value) === '[object Object]';

/** What has no entries defines nothing, and harms nobody. */
export function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && canBeRead(value) && Object.keys(value).length === 0;
}
export const list: Domain = { good: [[]], accepts: (value) => canBeRead(value) && Array.isArray(value) };
export const emptyList: Domain = { good: [], accepts: (value) => isEmpty(value) && Array.isArray(value) };
export const emptyObject: Domain = { good: [], accepts: (value) => isEmpty(value) && isRecord(value) };
