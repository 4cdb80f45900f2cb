import { aFunction, type Check, checked, reading, refuseUnknown, milliseconds } from '../core/index.ts';
import { checkHandle, type Database, type Db, internalsOf } from '../database/index.ts';
import { type CacheKey, declaredTags, keyText, readKey, readList } from './definition.ts';

/** To which transaction a call belongs. */
export interface CacheCallOptions {
  /** The handle whose transaction it is. Default: that of the current client. */
  readonly db?: Db | undefined;
}

/** Options of a call that stores a value. */
export interface SetOptions extends CacheCallOptions {
  /** How long the value may be used, in milliseconds. Default: that of the cache. */
  readonly ttl?: number | undefined;
}

/** Options of a read that loads what is missing. */
export interface LoadOptions<Value> extends SetOptions {
  /** Whether what was loaded is kept. Default: it is. */
  readonly keep?: ((value: Value) => boolean) | undefined;
}

/** The handle is held against the database of the cache. */
const aHandle: Check = () => undefined;

export const callChecks: Record<keyof CacheCallOptions, Check> = { db: aHandle };
export const setChecks: Record<keyof SetOptions, Check> = { ...callChecks, ttl: milliseconds(1) };
export const loadChecks: Record<keyof LoadOptions<never>, Check> = { ...setChecks, keep: aFunction };

/** Reads the arguments of the calls of a cache, and names cache and call where they cannot be used. */
export class CacheCalls {
  readonly #database: Database;
  readonly #cache: string;

  constructor(database: Database, cache: string) {
    this.#database = database;
    this.#cache = cache;
  }

  /** @throws InvalidOptionError */
  key<Key extends CacheKey>(call: string, key: Key): Key {
    return readKey(key, this.#cache, call);
  }

  /** @throws InvalidOptionError */
  keys<Key extends CacheKey>(call: string, keys: readonly Key[]): Key[] {
    return readList('keys', keys, { cache: this.#cache, call }).map((key) => readKey(key, this.#cache, call));
  }

  /** Those of `invalidate`. @throws InvalidOptionError */
  tags(tags: readonly string[]): string[] {
    return declaredTags(tags, { cache: this.#cache, call: 'invalidate' });
  }

  /** Reads options once. Written out, since it is done for each call that has any. @throws InvalidOptionError */
  options<Value>(
    call: string,
    options: LoadOptions<Value> | undefined,
    checks: Readonly<Record<string, Check>>,
  ): LoadOptions<Value> | undefined {
    if (options === undefined) return undefined;
    const owner = `${call}() of the cache "${this.#cache}"`;
    return reading(owner, () => {
      refuseUnknown(owner, options, checks);
      const { db, ttl, keep } = options;
      if (db !== undefined) checkHandle(this.#database, db);
      if (ttl !== undefined) checked(owner, 'ttl', ttl, loadChecks.ttl);
      if (keep !== undefined) checked(owner, 'keep', keep, loadChecks.keep);
      return { db, ttl, keep };
    });
  }
}

/** How the values of a cache are named in its store. */
export class CacheNames<Key extends CacheKey> {
  /** The tag of all of them. */
  readonly wholeTag: string;
  readonly #database: Database;
  readonly #tags: ((key: Key) => readonly string[]) | undefined;

  constructor(database: Database, cache: string, tags: ((key: Key) => readonly string[]) | undefined) {
    this.wholeTag = `${cache}/`;
    this.#database = database;
    this.#tags = tags;
  }

  /** The tag of a key, which kills its value whatever the settings are. */
  tag(key: Key): string {
    return this.wholeTag + keyText(key);
  }

  /** Where the value of a key is: what was read with other settings by context is somewhere else. */
  place(key: Key): string {
    const settings = internalsOf(this.#database).settingsHere();
    return settings === '' ? this.tag(key) : `${this.tag(key)}@${settings}`;
  }

  /** The first is that of the key. */
  tags(key: Key): readonly string[] {
    const own = [this.tag(key), this.wholeTag];
    return this.#tags === undefined ? own : [...own, ...declaredTags(this.#tags(key))];
  }
}
