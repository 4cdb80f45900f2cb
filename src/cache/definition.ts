import {
  aBoolean,
  aFunction,
  type Check,
  integer,
  InvalidOptionError,
  oneOf,
  optionsOf,
  readOptions,
  text,
  typeName,
  withMethods,
  milliseconds,
  calledAs,
} from '../core/index.ts';
import type { MemoryOptions } from './near.ts';
import { aStore } from './store-argument.ts';
import type { CacheStore } from './store.ts';

/** A key: text, a number, or a list of them. */
export type CacheKey = string | number | bigint | readonly (string | number | bigint | null)[];

/** How values are written, so that a hit has the same types as a miss. */
export interface Serializer<Value> {
  /** Returns the text that is stored for a value. */
  write(value: Value): string;
  /** Returns the value of a stored text. */
  read(payload: string): Value;
}

/** Options of one cache. */
export interface CacheOptions<Value, Key extends CacheKey> {
  /** Names the cache; the same in every process. */
  readonly name: string;
  /** How long a value may be used, in milliseconds. A read does not extend it. Default 5 minutes. */
  readonly ttl?: number | undefined;
  /** What the value of a key depends on besides the key: it is dead when one of these tags is invalidated. */
  readonly tags?: ((key: Key) => readonly string[]) | undefined;
  /**
   * A tag that every value has which has the given one: for a transaction that invalidates more than 1,000, of which no more is
   * remembered then.
   */
  readonly wider?: ((tag: string) => string) | undefined;
  /** Default: JSON, with dates and big integers. */
  readonly serializer?: Serializer<Value> | undefined;
  /** The largest serialized value, in characters; a larger one is not stored. Default 1,048,576. */
  readonly maxSize?: number | undefined;
  /** Where the processes meet. Default: one in this process. */
  readonly store?: CacheStore | undefined;
  /**
   * Copies of what is in the store, in this process, for reads outside of transactions. What the cache gives out is frozen then.
   * Default: none.
   */
  readonly memory?: MemoryOptions | undefined;
  /**
   * What becomes of a transaction that changes something while the store cannot be told: it is rolled back (`abort`), or its
   * changes wait in the outbox for the relay of `createChangesRelay`, and others may see what is replaced until then (`outbox`).
   * That needs a store with a `name` of its own, that processes share (`isShared`). Default `abort`.
   */
  readonly onCacheUnavailable?: 'abort' | 'outbox' | undefined;
  /**
   * Whether a transaction that has written anything asks the database: for values that statements may have changed of which the
   * cache is not told. Default false.
   */
  readonly readsOwnWrites?: boolean | undefined;
  /** How many loads run at once while the store is away. Default 10. */
  readonly loadsWhileAway?: number | undefined;
  /**
   * The longest that `load` may take outside of a transaction, in milliseconds; in one the `timeout` of the transaction holds.
   * After that its caller gets a `CacheLoadTimeoutError`, and callers that shared the load start another one. Default 30,000.
   */
  readonly loadTimeout?: number | undefined;
  /**
   * The longest that a call of the store may take, in milliseconds; after that the store counts as unavailable. `RedisStore` has
   * a shorter limit of its own (`timeout`). Default 1,000.
   */
  readonly storeTimeout?: number | undefined;
  /** The longest that a COMMIT may take, in milliseconds; until its end, what it changes is not read from the cache. Default 10,000. */
  readonly commitTimeout?: number | undefined;
}

const memoryChecks: Record<keyof MemoryOptions, Check> = {
  max: integer(1, 100_000_000),
  maxStaleness: milliseconds(1, 60_000),
};

/** For options that hold these: each says what a value should be, or nothing if it is. */
export const cacheChecks: Record<keyof CacheOptions<never, never>, (value: unknown) => string | undefined> = {
  name: text(100),
  ttl: milliseconds(1),
  tags: aFunction,
  wider: aFunction,
  serializer: withMethods('write', 'read'),
  maxSize: integer(1, 512 * 1024 * 1024, 'characters'),
  store: aStore,
  memory: optionsOf('The option "memory"', memoryChecks, ['max']),
  onCacheUnavailable: oneOf(['abort', 'outbox']),
  readsOwnWrites: aBoolean,
  loadsWhileAway: integer(1, 10_000),
  loadTimeout: milliseconds(1),
  storeTimeout: milliseconds(1),
  commitTimeout: milliseconds(100, 600_000),
};

/** The definition of a cache, with the types of its values and keys. */
export interface CacheDefinition<Value, Key extends CacheKey> extends CacheOptions<Value, Key> {
  /** For the types alone. */
  readonly of?: {
    /** The type of the values. */
    readonly value: Value;
    /** The type of the keys. */
    readonly key: Key;
  };
}

/**
 * Describes a cache; `createCache` and `createApp` make what works.
 *
 * ```ts
 * export const productCache = defineCache<Product, number>({ name: 'product', ttl: 60_000 });
 * ```
 * @throws InvalidOptionError
 */
export function defineCache<Value, Key extends CacheKey = CacheKey>(
  options: CacheOptions<Value, Key>,
): CacheDefinition<Value, Key> {
  return Object.freeze(readCacheOptions(options));
}
calledAs(defineCache, 'defineCache({ name })');

/** @throws InvalidOptionError */
export function readCacheOptions<Value, Key extends CacheKey>(
  options: CacheOptions<Value, Key>,
): CacheOptions<Value, Key> {
  return readOptions('createCache', options, cacheChecks, ['name']);
}

/** Any text: what is no whole character of Unicode is replaced. */
const aTag: Check = (value) =>
  typeof value === 'string' && value.length > 0 && value.length <= 10_240 ? undefined : 'text of 1 to 10240 characters';

/** Tags of the program are the same for all caches, and never those of a key. @throws InvalidOptionError */
export function declaredTag(tag: unknown): string {
  if (typeof tag === 'string' && aTag(tag) === undefined) return `#${tag.toWellFormed()}`;
  throw new InvalidOptionError({ what: 'A tag of a cache cannot be one', remedy: `Give ${aTag('')}` });
}

/** @throws InvalidOptionError */
export function declaredTags(tags: unknown, of?: CallOfCache): string[] {
  return readList('tags', tags as readonly unknown[], of).map(declaredTag);
}

/** Of which call, and of which cache, an error tells. */
export interface CallOfCache {
  readonly cache: string;
  readonly call: string;
}

/** A list as it is now. @throws InvalidOptionError */
export function readList<Entry>(what: string, list: readonly Entry[], of?: CallOfCache): Entry[] {
  if (Array.isArray(list)) return Array.from(list);
  throw new InvalidOptionError({ what: `${named(of)} got ${typeName(list)} for its ${what}`, remedy: 'Give a list' });
}

/** A key as it is now: a list may be changed while its value is loaded. @throws InvalidOptionError */
export function readKey<Key extends CacheKey>(key: Key, cache: string, call: string): Key {
  if (isShort(key)) return key;
  const read = Array.isArray(key) ? (Array.from(key) as readonly unknown[] as Key) : key;
  if (!Array.isArray(read) || read.length === 0 || read.length > 8 || !read.every(isShort))
    keyText(read, { cache, call });
  return read;
}

/** Text or a number of which it is plain that it can be a key, as nearly all are. */
function isShort(part: unknown): boolean {
  return typeof part === 'string' ? part.length <= 200 : Number.isFinite(part);
}

/** The key as text in which no two keys are the same. @throws InvalidOptionError */
export function keyText(key: CacheKey, of?: CallOfCache): string {
  const whole = Array.isArray(key) ? `[${key.map((part) => partText(part, of, true)).join(',')}]` : partText(key, of);
  if (whole === '[]' || whole.length > 10_240) throw unusable('a key that is empty, or larger than 10 kB', of);
  return whole;
}

function partText(part: unknown, of: CallOfCache | undefined, isPart = false): string {
  if (typeof part === 'string') return JSON.stringify(part);
  if (typeof part === 'bigint' || (typeof part === 'number' && Number.isFinite(part))) return String(part);
  if (part === null && isPart) return '_';
  throw unusable(`${typeName(part)} ${isPart ? 'as a part of its key' : 'for its key'}`, of);
}

function unusable(what: string, of: CallOfCache | undefined): InvalidOptionError {
  const order = of?.call === 'set' ? 'Write set(value, key, options), and for the key give' : 'Give';
  return new InvalidOptionError({
    what: `${named(of)} got ${what}`,
    remedy: `${order} text, a number, or a list of them`,
  });
}

function named(of: CallOfCache | undefined): string {
  return of === undefined ? 'A cache' : `${of.call}() of the cache "${of.cache}"`;
}

/**
 * JSON, in which dates, big integers, bytes (as a Buffer), maps, sets, numbers that JSON has not and `undefined` come back as
 * what they were.
 */
export const richJson: Serializer<unknown> = {
  write(value) {
    return JSON.stringify({ value }, function replace(this: Record<string, unknown>, name, given: unknown) {
      // JSON calls toJSON of dates and buffers before this.
      const original = this[name];
      if (typeof original === 'object' && original !== null) return writeObject(original, given);
      if (typeof original === 'function' || typeof original === 'symbol') throw new TypeError(noValue(original));
      if (typeof original === 'bigint') return { $bigint: original.toString() };
      if (typeof original === 'number' && !Number.isFinite(original)) return { $number: String(original) };
      return given;
    });
  },
  read(payload) {
    // What needs reviving has a name that begins so; most values have none, and a reviver is slow.
    const written: unknown = payload.includes('"$') ? JSON.parse(payload, revive) : JSON.parse(payload);
    return (written as { value?: unknown }).value;
  },
};

function noValue(value: unknown): string {
  return `it holds ${typeName(value)}, which JSON would leave out`;
}

function writeObject(original: object, given: unknown): unknown {
  if (original instanceof Promise) throw new TypeError('it holds a promise, which has to be awaited');
  if (original instanceof Date) return { $date: original.getTime() };
  if (original instanceof Uint8Array) return { $bytes: Buffer.from(original).toString('base64') };
  if (original instanceof Map) return { $map: [...original] };
  if (original instanceof Set) return { $set: [...original] };
  if (isPlain(given) && Object.keys(given).some((each) => each.startsWith('$')))
    return { $escaped: Object.entries(given).filter(([, each]) => each !== undefined) };
  return given;
}

const revivers: Readonly<Record<string, (written: never) => unknown>> = {
  // What is no time is null in JSON.
  $date: (time: number | null) => new Date(time ?? Number.NaN),
  $bigint: (text: string) => BigInt(text),
  $number: (text: string) => Number(text),
  $bytes: (text: string) => Buffer.from(text, 'base64'),
  $map: (entries: [unknown, unknown][]) => new Map(entries),
  $set: (values: unknown[]) => new Set(values),
  $escaped: (entries: [string, unknown][]) => Object.fromEntries(entries),
};

function revive(_name: string, given: unknown): unknown {
  if (!isPlain(given)) return given;
  const [name, more] = Object.keys(given);
  if (name === undefined || more !== undefined || !Object.hasOwn(revivers, name)) return given;
  return revivers[name]?.(given[name] as never);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
