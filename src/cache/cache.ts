import { frameOfCall, findPlace } from '../context/index.ts';
import { checkDatabase, type Database, internalsOf } from '../database/index.ts';
import { baseOf, type Scope, wholeUnit } from '../transaction/index.ts';
import {
  callChecks,
  CacheCalls,
  CacheNames,
  type CacheCallOptions,
  loadChecks,
  type LoadOptions,
  setChecks,
  type SetOptions,
} from './call.ts';
import { Codec, type Held } from './codec.ts';
import { changeAtOnce, StoreCommit } from './commit.ts';
import {
  type CacheKey,
  type CacheOptions,
  declaredTag,
  readCacheOptions,
  richJson,
  type Serializer,
} from './definition.ts';
import { noLoad } from './errors.ts';
import { Ground, type Landing, seesLatest, type Within } from './ground.ts';
import { runInChain } from './load-chain.ts';
import { LoadLimit } from './loads.ts';
import { MemoryStore } from './memory-store.ts';
import type { Fetch } from './near.ts';
import { deletion, type NewValue, type Overlay } from './overlay.ts';
import { type CacheStatistics, type Counters, newCounters, watched } from './statistics.ts';
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

/**
 * Values by key that agree with the database: what a transaction sets or deletes only it sees before its commit, and a
 * value is dead from the moment on in which a transaction that changes it begins to commit. Made by `createCache`.
 */
export class Cache<Value, Key extends CacheKey = CacheKey> {
  /** The name given in the options. */
  readonly name: string;
  readonly #database: Database;
  readonly #options: CacheOptions<Value, Key>;
  readonly #codec: Codec<Value>;
  readonly #calls: CacheCalls;
  readonly #limit: LoadLimit;
  readonly #names: CacheNames<Key>;
  readonly #outside: Landing<Copied<Value>>;
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
    const { wider, serializer = richJson as Serializer<Value>, maxSize = 1_048_576 } = options;
    this.#codec = new Codec(name, serializer, maxSize, memory !== undefined, this.#counters);
    this.#limit = new LoadLimit(name, options.loadTimeout ?? 30_000, options.loadsWhileAway ?? 10);
    this.#names = new CacheNames(database, name, options.tags);
    const { wholeTag } = this.#names;
    const ground = new Ground<Copied<Value>>({
      use: { store, user: `cache "${name}"`, timeout: storeTimeout, onFailure: () => (this.#counters.failures += 1) },
      member: {
        name,
        wholeTag,
        wider: wider === undefined ? undefined : (tag) => declaredTag(wider(tag.slice(1))),
        commitTimeout,
        onCacheUnavailable,
      },
      memory: memory === undefined ? undefined : { ...memory, feed: feedOf(name, store) },
      limit: this.#limit,
    });
    this.#outside = { ground, within: undefined };
  }

  /** What it has done in this process so far. */
  get statistics(): CacheStatistics {
    return { ...this.#counters, copies: this.#outside.ground.near?.size ?? 0 };
  }

  /** Gets the value; undefined where the cache has none. */
  async get(key: Key, options?: CacheCallOptions): Promise<Value | undefined> {
    return await this.#get(this.#calls.key('get', key), this.#calls.options('get', options, callChecks));
  }

  async #get(key: Key, options: CacheCallOptions | undefined): Promise<Value | undefined> {
    return (await watched(this.name, 'get', () => this.#lookUp(key, options), isThere))?.value;
  }

  async #lookUp(key: Key, options: CacheCallOptions | undefined): Promise<{ readonly value: Value } | undefined> {
    return this.#copyOf(key, options) ?? this.#counted(await this.#find(key, this.#landing(options), false)).hit;
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
    return (
      await watched(
        this.name,
        'load',
        () => this.#getOrLoad(key, load, options),
        ({ hit }) => hit,
      )
    ).value;
  }

  async #getOrLoad(
    key: Key,
    load: () => Promise<Value> | Value,
    options: LoadOptions<Value> | undefined,
  ): Promise<{ readonly value: Value; readonly hit: boolean }> {
    const near = this.#copyOf(key, options);
    if (near !== undefined) return { value: near.value, hit: true };
    const landing = this.#landing(options);
    const { ground, within } = landing;
    // Without a transaction it is looked for once more with the others who want it.
    const found = this.#counted(await this.#find(key, landing, within !== undefined));
    if (found.hit !== undefined) return { value: found.hit.value, hit: true };
    const payload = await (within === undefined
      ? ground.loads.run(
          this.#names.place(key),
          () => this.#find(key, landing, true),
          (present) => this.#load(key, load, present, options, landing),
        )
      : this.#load(key, load, found, options, landing));
    // Everyone who joins gets a value of their own, which they may change.
    return { value: this.#codec.read(payload).value, hit: false };
  }

  /**
   * Sets a value: for the others, once the transaction has committed; without one, at once.
   * @throws InvalidOptionError, CacheValueTooLargeError; CacheUnavailableError without a transaction
   */
  async set(value: Value, given: Key, setOptions?: SetOptions): Promise<void> {
    const key = this.#calls.key('set', given);
    const options = this.#calls.options('set', setOptions, setChecks);
    await watched(this.name, 'set', () => this.#set(value, key, options));
  }

  async #set(value: Value, key: Key, options: LoadOptions<Value> | undefined): Promise<void> {
    const tag = this.#names.tag(key);
    const change = {
      payload: this.#codec.writeForStore(value),
      key: this.#names.place(key),
      tags: this.#names.tags(key),
      ttl: this.#ttl(options),
    };
    const { ground, within } = this.#landing(options);
    if (within === undefined) await this.#atOnce(ground, [tag], options, change);
    else this.#overlayIn(ground, within).set(within.scope.unit, tag, change);
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
    const tags = this.#calls.keys(call, keys).map((key) => this.#names.tag(key));
    const options = this.#calls.options(call, callOptions, callChecks);
    const { ground, within } = this.#landing(options);
    if (tags.length === 0) return;
    if (within === undefined) return await watched(this.name, 'delete', () => this.#atOnce(ground, tags, options));
    const overlay = this.#overlayIn(ground, within);
    for (const tag of tags) overlay.set(within.scope.unit, tag, deletion);
  }

  /** Every value of the cache is dead. */
  async clear(options?: CacheCallOptions): Promise<void> {
    await this.#invalidate([this.#names.wholeTag], this.#calls.options('clear', options, callChecks));
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
    const { ground, within } = this.#landing(options);
    if (within === undefined) await watched(this.name, 'delete', () => this.#atOnce(ground, tags, options));
    else this.#overlayIn(ground, within).invalidate(tags);
  }

  /** A good copy in the process; a transaction asks further. */
  #copyOf(key: Key, options: CacheCallOptions | undefined, peeks = false): { readonly value: Value } | undefined {
    if (this.#outside.ground.near === undefined) return undefined;
    const frame = frameOfCall();
    const { ground, within } = frame === undefined ? this.#outside : this.#landing(options);
    if (within !== undefined) return undefined;
    // Who was called from another process sees at least what that one had committed.
    const copied = ground.near?.find(this.#names.place(key), frame?.chain?.enteredAt, peeks);
    if (copied === undefined) return undefined;
    const held = 'value' in copied ? copied : this.#codec.readIfGood(copied.payload);
    if (held !== undefined && !peeks) this.#counters.hits += 1;
    return held;
  }

  /** @param stores whether what is loaded when there is no hit is to be stored */
  async #find(key: Key, { ground, within }: Landing<Copied<Value>>, stores: boolean): Promise<Found<Value>> {
    const text = this.#names.place(key);
    const tags = this.#names.tags(key);
    if (within !== undefined) {
      const change = within.overlay?.find(within.scope.unit, this.#names.tag(key), text);
      if (change !== undefined) return { ...nothing, hit: this.#codec.readIfGood(change.payload) };
      // What the transaction has changed is not what others see, and a snapshot is older than what they do.
      const mayHaveChanged = this.#options.readsOwnWrites === true && wholeUnit(within.scope).hasWritten;
      if (!seesLatest(within.scope) || mayHaveChanged || tags.some((tag) => within.overlay?.isDirty(tag) === true))
        return nothing;
    }
    const { store } = ground;
    const near = within === undefined ? ground.near : undefined;
    const fetch = near?.fetch(text, tags);
    const isTimed = near !== undefined;
    const call = !stores && store.canFind ? 'find' : 'read';
    try {
      if (call === 'find') {
        const stored = await store.find(text, tags, isTimed);
        if (typeof stored === 'object') return { ...nothing, hit: this.#taken(stored, fetch) };
        return { ...nothing, isBypassed: stored === 'locked' };
      }
      const { stored, tags: states, epoch } = await store.read(text, tags, isTimed);
      if (states.some(({ isLocked }) => isLocked)) return nothing;
      const hit = stored === undefined ? undefined : this.#taken(stored, fetch);
      return { ...nothing, hit, stamps: states.map(({ stamp }) => stamp), epoch, mayStore: true, isBypassed: false };
    } catch (error) {
      // What the store cannot tell the database does.
      store.report(call, error);
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
    { ground: { store }, within }: Landing<Copied<Value>>,
  ): Promise<string> {
    const place = { cache: this.name, store: store.store, key: this.#names.place(key) };
    const counted = (): Promise<Value> | Value => {
      this.#counters.loads += 1;
      return load();
    };
    const running = (): Promise<Value> => runInChain(place, counted);
    const value = await (within === undefined ? this.#limit.within(running) : running());
    const payload = this.#codec.write(value);
    // A transaction that has written may have read its own, which is not committed.
    const mayStore = stamps !== undefined && (within === undefined || !wholeUnit(within.scope).hasWritten);
    if (mayStore && options?.keep?.(value) !== false && !this.#codec.isTooLarge(payload))
      await store.keep({ key: place.key, stamps, payload, epoch, ttl: this.#ttl(options) });
    return payload;
  }

  #counted(found: Found<Value>): Found<Value> {
    if (found.hit !== undefined) this.#counters.hits += 1;
    else if (found.isBypassed) this.#counters.bypasses += 1;
    else this.#counters.misses += 1;
    return found;
  }

  async #atOnce(
    { member }: Ground<Copied<Value>>,
    tags: readonly string[],
    options: CacheCallOptions | undefined,
    value?: NewValue,
  ): Promise<void> {
    await changeAtOnce(member, options?.db ?? this.#database.current, tags, value);
  }

  #overlayIn({ member }: Ground<Copied<Value>>, { scope, db }: Within): Overlay {
    return StoreCommit.open(member, scope, db);
  }

  #landing(options: CacheCallOptions | undefined): Landing<Copied<Value>> {
    const frame = frameOfCall();
    if (frame === undefined) return this.#outside;
    const db = options?.db ?? this.#database.current;
    const client = internalsOf(this.#database).clientNamed(db.clientName);
    const scope = findPlace(frame, client, options?.db?.level).scope as Scope | undefined;
    if (scope === undefined) return this.#outside;
    const base = baseOf(scope);
    const ground = base === undefined ? this.#outside.ground : this.#outside.ground.within(base);
    if (scope.base !== undefined) return { ground, within: undefined };
    scope.assertOpen();
    return { ground, within: { scope, db, overlay: StoreCommit.find(ground.member, scope) } };
  }

  #ttl(options: SetOptions | undefined): number {
    return options?.ttl ?? this.#options.ttl ?? 300_000;
  }
}

const isThere = (found: object | undefined): boolean => found !== undefined;

const nothing: Found<never> = { hit: undefined, mayStore: false, isBypassed: true, isAway: false };

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
