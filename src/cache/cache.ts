import { frameOfCall, findPlace } from '../context/index.ts';
import { checkDatabase, type Database, type Db, internalsOf } from '../database/index.ts';
import type { Scope } from '../transaction/index.ts';
import {
  callChecks,
  CacheCalls,
  type CacheCallOptions,
  loadChecks,
  type LoadOptions,
  setChecks,
  type SetOptions,
} from './call.ts';
import { CheckedStore } from './checked-store.ts';
import { Codec, type Held } from './codec.ts';
import { changeAtOnce, type Member, StoreCommit } from './commit.ts';
import {
  type CacheKey,
  type CacheOptions,
  declaredTag,
  declaredTags,
  keyText,
  readCacheOptions,
  richJson,
  type Serializer,
} from './definition.ts';
import { noLoad } from './errors.ts';
import { runInChain } from './load-chain.ts';
import { LoadLimit } from './load-limit.ts';
import { Loads } from './loads.ts';
import { MemoryStore } from './memory-store.ts';
import { type Fetch, NearMemory } from './near.ts';
import { deletion, type NewValue, type Overlay } from './overlay.ts';
import { type CacheStatistics, type Counters, newCounters } from './statistics.ts';
import { checkStoreOf, feedOf } from './store-argument.ts';
import type { Stored } from './store.ts';
import { refuseOtherVersion } from '../core/index.ts';

/** What a read has found. */
interface Found<Value> {
  readonly hit: Held<Value> | undefined;
  /** The stamps from before a load; undefined where a value must not be stored, or where they were not requested. */
  readonly stamps?: readonly string[] | undefined;
  readonly epoch?: string | undefined;
  readonly mayStore: boolean;
  /** The store was not asked, or its tags were locked. */
  readonly isBypassed: boolean;
  /** The store did not answer. */
  readonly isAway: boolean;
}

/** A copy in the process: the value for everybody, or what each gets one of its own from. */
type Copied<Value> = { readonly value: Value } | { readonly payload: string };

/** The transaction that a call belongs to. */
interface Within {
  readonly scope: Scope;
  readonly db: Db;
  readonly overlay: Overlay | undefined;
}

/**
 * Values by key that agree with the database: what a transaction sets or deletes only it sees before its commit, and a
 * value is dead from the moment on in which a transaction that changes it begins to commit. Made by `createCache`.
 */
export class Cache<Value, Key extends CacheKey = CacheKey> {
  /** The name given in the options. */
  readonly name: string;
  readonly #database: Database;
  readonly #options: CacheOptions<Value, Key>;
  readonly #store: CheckedStore;
  readonly #near: NearMemory<Copied<Value>> | undefined;
  readonly #codec: Codec<Value>;
  readonly #member: Member;
  readonly #calls: CacheCalls;
  readonly #limit: LoadLimit;
  readonly #loads: Loads<string>;
  readonly #counters: Counters = newCounters();

  constructor(database: Database, given: CacheOptions<Value, Key>) {
    checkDatabase('createCache', database);
    const options = readCacheOptions(given);
    refuseOtherVersion('createCache', 'a store', options.store);
    const { name, memory, store = new MemoryStore(), storeTimeout = 1_000 } = options;
    const { commitTimeout = 10_000, onCacheUnavailable = 'abort' } = options;
    checkStoreOf(database, `The cache "${name}"`, options);
    this.name = name;
    this.#calls = new CacheCalls(database, name);
    this.#database = database;
    this.#options = options;
    const onFailure = (): void => void (this.#counters.failures += 1);
    this.#store = new CheckedStore({ store, user: `cache "${name}"`, timeout: storeTimeout, onFailure });
    if (memory !== undefined) {
      const feed = feedOf(name, store);
      this.#near = new NearMemory(feed, memory, (error) => this.#store.failed('feed', error));
    }
    const { wider, serializer = richJson as Serializer<Value>, maxSize = 1_048_576 } = options;
    this.#codec = new Codec(name, serializer, maxSize, memory !== undefined, this.#counters);
    this.#member = {
      name,
      store: this.#store,
      wholeTag: `${name}/`,
      wider: wider === undefined ? undefined : (tag) => declaredTag(wider(tag.slice(1))),
      commitTimeout,
      onCacheUnavailable,
    };
    this.#limit = new LoadLimit(name, options.loadTimeout ?? 30_000, options.loadsWhileAway ?? 10);
    this.#loads = new Loads(this.#store, this.#limit);
  }

  /** What it has done in this process so far. */
  get statistics(): CacheStatistics {
    return { ...this.#counters, copies: this.#near?.size ?? 0 };
  }

  /** Gets the value; undefined where the cache has none. */
  async get(key: Key, options?: CacheCallOptions): Promise<Value | undefined> {
    return await this.#get(this.#calls.key('get', key), this.#calls.options('get', options, callChecks));
  }

  async #get(key: Key, options: CacheCallOptions | undefined): Promise<Value | undefined> {
    const near = this.#copyOf(key, options);
    if (near !== undefined) return near.value;
    const { hit } = this.#counted(await this.#find(key, this.#within(options), false));
    return hit?.value;
  }

  /** Gets several values, in the order of their keys; undefined for each that the cache does not have. */
  async mget(keys: readonly Key[], options?: CacheCallOptions): Promise<(Value | undefined)[]> {
    const read = this.#calls.options('mget', options, callChecks);
    const all = this.#calls.keys('mget', keys);
    return await Promise.all(all.map((key) => this.#get(key, read)));
  }

  /** What this process has a good copy of, without asking the store and outside of a transaction; it counts as no use. */
  peek(key: Key): Value | undefined {
    return this.#copyOf(this.#calls.key('peek', key), undefined, true)?.value;
  }

  /**
   * Gets the value, or loads and stores it. Outside of a transaction concurrent calls share a load that began after them.
   * Inside a transaction `load` runs in it.
   *
   * ```ts
   * const product = await products.getOrSet(id, () => readProduct(id), { ttl: 5_000 });
   * ```
   * @throws InvalidOptionError; CacheLoadCircleError where `load` needs this very value; CacheLoadTimeoutError outside of a
   * transaction; what `load` throws
   */
  async getOrSet(given: Key, load: () => Promise<Value> | Value, callOptions?: LoadOptions<Value>): Promise<Value> {
    const key = this.#calls.key('getOrSet', given);
    const options = this.#calls.options('getOrSet', callOptions, loadChecks);
    if (typeof load !== 'function') throw noLoad(this.name, load);
    const near = this.#copyOf(key, options);
    if (near !== undefined) return near.value;
    const within = this.#within(options);
    // Without a transaction it is looked for once more with the others who want it.
    const found = this.#counted(await this.#find(key, within, within !== undefined));
    if (found.hit !== undefined) return found.hit.value;
    const payload = await (within === undefined
      ? this.#loads.run(
          this.#valueKey(key),
          () => this.#find(key, undefined, true),
          (present) => this.#load(key, load, present, options),
        )
      : this.#load(key, load, found, options, within));
    // Everyone who joins gets a value of their own, which they may change.
    return this.#codec.read(payload).value;
  }

  /**
   * Sets a value: for the others, once the transaction has committed; without one, at once.
   * @throws InvalidOptionError, CacheValueTooLargeError; CacheUnavailableError without a transaction
   */
  async set(value: Value, given: Key, setOptions?: SetOptions): Promise<void> {
    const key = this.#calls.key('set', given);
    const options = this.#calls.options('set', setOptions, setChecks);
    const text = this.#valueKey(key);
    const change = {
      payload: this.#codec.writeForStore(value),
      tags: this.#tagsOf(key, text),
      ttl: this.#ttl(options),
    };
    const within = this.#within(options);
    if (within === undefined) await this.#atOnce([text], options, change);
    else this.#overlayIn(within).set(within.scope.unit, text, change);
  }

  /**
   * The value of the key is dead: for the others, once the transaction has committed.
   *
   * ```ts
   * await database.transaction(async () => {
   *   await db.query(sql`update product set stock = stock - 1 where id = ${id}`);
   *   await products.del(id);
   * });
   * ```
   */
  async del(key: Key, options?: CacheCallOptions): Promise<void> {
    await this.#delete('del', [key], options);
  }

  /** The values of the keys are dead. */
  async mdel(keys: readonly Key[], options?: CacheCallOptions): Promise<void> {
    await this.#delete('mdel', keys, options);
  }

  async #delete(call: string, keys: readonly Key[], callOptions: CacheCallOptions | undefined): Promise<void> {
    const texts = this.#calls.keys(call, keys).map((key) => this.#valueKey(key));
    const options = this.#calls.options(call, callOptions, callChecks);
    const within = this.#within(options);
    if (texts.length === 0) return;
    if (within === undefined) {
      await this.#atOnce(texts, options);
      return;
    }
    const overlay = this.#overlayIn(within);
    for (const text of texts) overlay.set(within.scope.unit, text, deletion);
  }

  /** Every value of the cache is dead. */
  async clear(options?: CacheCallOptions): Promise<void> {
    await this.#invalidate([this.#member.wholeTag], this.#calls.options('clear', options, callChecks));
  }

  /**
   * Every value that depends on one of the tags is dead.
   *
   * ```ts
   * await database.transaction(async () => {
   *   await db.query(sql`update product set stock = 0 where shelf = 'A'`);
   *   await products.invalidate(['shelf:A']);
   * });
   * ```
   */
  async invalidate(tags: readonly string[], options?: CacheCallOptions): Promise<void> {
    await this.#invalidate(this.#calls.tags(tags), this.#calls.options('invalidate', options, callChecks));
  }

  async #invalidate(tags: readonly string[], options: CacheCallOptions | undefined): Promise<void> {
    if (tags.length === 0) return;
    const within = this.#within(options);
    if (within === undefined) await this.#atOnce(tags, options);
    else this.#overlayIn(within).invalidate(tags);
  }

  /** A good copy in the process; a transaction asks further. */
  #copyOf(key: Key, options: CacheCallOptions | undefined, peeks = false): { readonly value: Value } | undefined {
    if (this.#near === undefined) return undefined;
    const frame = frameOfCall();
    if (frame !== undefined && this.#within(options) !== undefined) return undefined;
    // Who was called from another process sees at least what that one had committed.
    const copied = this.#near.find(keyText(key), frame?.chain?.enteredAt, peeks);
    if (copied === undefined) return undefined;
    const held = 'value' in copied ? copied : this.#codec.readIfGood(copied.payload);
    if (held !== undefined && !peeks) this.#counters.hits += 1;
    return held;
  }

  /** @param stores whether what is loaded when there is no hit is to be stored */
  async #find(key: Key, within: Within | undefined, stores: boolean): Promise<Found<Value>> {
    const text = this.#valueKey(key);
    const tags = this.#tagsOf(key, text);
    if (within !== undefined) {
      const change = within.overlay?.find(within.scope.unit, text);
      if (change !== undefined) return { ...nothing, hit: this.#codec.readIfGood(change.payload) };
      // What the transaction has changed is not what others see, and a snapshot is older than what they do.
      const mayHaveChanged = this.#options.readsOwnWrites === true && within.scope.transaction.hasWritten;
      if (!seesLatest(within.scope) || mayHaveChanged || tags.some((tag) => within.overlay?.isDirty(tag) === true))
        return nothing;
    }
    const near = within === undefined ? this.#near : undefined;
    const fetch = near?.fetch(keyText(key), tags);
    const isTimed = near !== undefined;
    const call = !stores && this.#store.canFind ? 'find' : 'read';
    try {
      if (call === 'find') {
        const stored = await this.#store.find(text, tags, isTimed);
        if (typeof stored === 'object') return { ...nothing, hit: this.#taken(stored, fetch) };
        return { ...nothing, isBypassed: stored === 'locked' };
      }
      const { stored, tags: states, epoch } = await this.#store.read(text, tags, isTimed);
      if (states.some(({ isLocked }) => isLocked)) return nothing;
      const hit = stored === undefined ? undefined : this.#taken(stored, fetch);
      return { ...nothing, hit, stamps: states.map(({ stamp }) => stamp), epoch, mayStore: true, isBypassed: false };
    } catch (error) {
      // What the store cannot tell the database does.
      this.#store.report(call, error);
      return { ...nothing, isAway: true };
    } finally {
      fetch?.end();
    }
  }

  #taken({ payload, remaining }: Stored, fetch: Fetch<Copied<Value>> | undefined): Held<Value> | undefined {
    const hit = this.#codec.readIfGood(payload);
    if (hit !== undefined && remaining !== undefined)
      fetch?.keep(hit.isForAll ? { value: hit.value } : { payload }, remaining);
    return hit;
  }

  async #load(
    key: Key,
    load: () => Promise<Value> | Value,
    { stamps, epoch }: Found<Value>,
    options: LoadOptions<Value> | undefined,
    within?: Within,
  ): Promise<string> {
    const place = { cache: this.name, store: this.#store.store, key: this.#valueKey(key) };
    const counted = (): Promise<Value> | Value => {
      this.#counters.loads += 1;
      return load();
    };
    const running = (): Promise<Value> => runInChain(place, counted);
    const value = await (within === undefined ? this.#limit.within(running) : running());
    const payload = this.#codec.write(value);
    // A transaction that has written may have read its own, which is not committed.
    const mayStore = stamps !== undefined && within?.scope.transaction.hasWritten !== true;
    if (mayStore && options?.keep?.(value) !== false && !this.#codec.isTooLarge(payload))
      await this.#store.keep({ key: place.key, stamps, payload, epoch, ttl: this.#ttl(options) });
    return payload;
  }

  #counted(found: Found<Value>): Found<Value> {
    if (found.hit !== undefined) this.#counters.hits += 1;
    else if (found.isBypassed) this.#counters.bypasses += 1;
    else this.#counters.misses += 1;
    return found;
  }

  async #atOnce(tags: readonly string[], options: CacheCallOptions | undefined, value?: NewValue): Promise<void> {
    const change = value === undefined ? undefined : ([tags[0] ?? '', value] as const);
    await changeAtOnce(this.#member, options?.db ?? this.#database.current, tags, change);
  }

  #overlayIn({ scope, db }: Within): Overlay {
    return StoreCommit.open(this.#member, scope, db);
  }

  #within(options: CacheCallOptions | undefined): Within | undefined {
    const frame = frameOfCall();
    if (frame === undefined) return undefined;
    const db = options?.db ?? this.#database.current;
    const client = internalsOf(this.#database).clientNamed(db.clientName);
    const scope = findPlace(frame, client, options?.db?.level).scope as Scope | undefined;
    if (scope === undefined || scope.base !== undefined) return undefined;
    scope.assertOpen();
    return { scope, db, overlay: StoreCommit.find(this.#member, scope) };
  }

  #ttl(options: SetOptions | undefined): number {
    return options?.ttl ?? this.#options.ttl ?? 300_000;
  }
  #valueKey(key: Key): string {
    return `${this.name}/${keyText(key)}`;
  }
  /** The first is that of the key, which is its text. */
  #tagsOf(key: Key, text: string): readonly string[] {
    const { tags } = this.#options;
    if (tags === undefined) return [text, this.#member.wholeTag];
    return [text, this.#member.wholeTag, ...declaredTags(tags(key))];
  }
}

const nothing: Found<never> = { hit: undefined, mayStore: false, isBypassed: true, isAway: false };

/** A transaction that reads what is committed now, and not a snapshot from before or what is not committed. */
function seesLatest({ transaction }: Scope): boolean {
  const { driver } = transaction.client;
  const { isolation } = transaction.characteristics;
  return driver.fulfils(isolation, 'READ_COMMITTED') && !driver.fulfils(isolation, 'REPEATABLE_READ');
}

/**
 * Makes a cache that agrees with a database.
 *
 * ```ts
 * const products = createCache(database, { name: 'product', ttl: 60_000 });
 * await products.getOrSet(id, () => readProduct(id));
 * ```
 * @throws InvalidOptionError, also for a store that lacks what its options need
 */
export function createCache<Value, Key extends CacheKey = CacheKey>(
  database: Database,
  options: CacheOptions<Value, Key>,
): Cache<Value, Key> {
  return new Cache(database, options);
}
