import { randomUUID } from 'node:crypto';
import { reportBackgroundError } from '../channels/index.ts';
import { currentFrame, findPlace, type Frame } from '../context/index.ts';
import { type Database, type Db, internalsOf } from '../database/index.ts';
import { type AtomicUnit, type Outcome, registerWhole, type Scope, wholeUnit } from '../transaction/index.ts';
import {
  type CacheKey,
  type CacheOptions,
  checkCacheOptions,
  keyText,
  richJson,
  type Serializer,
} from './definition.ts';
import { CacheUnavailableError, CacheValueTooLargeError } from './errors.ts';
import { Flights } from './flights.ts';
import { MemoryStore } from './memory-store.ts';
import { Overlay } from './overlay.ts';
import { type CacheStatistics, type Counters, newCounters } from './statistics.ts';
import type { CacheStore, Stored, StoreWrite, TagState } from './store.ts';

/** To which transaction a call belongs. */
export interface CacheCallOptions {
  /** The handle whose transaction it is. Default: that of the current client. */
  readonly db?: Db | undefined;
}

export interface SetOptions extends CacheCallOptions {
  /** How long the value may be used, in milliseconds. Default: that of the cache. */
  readonly ttl?: number | undefined;
}

/** What a read has found: the value, if it is good, and what one that is loaded now may be stored with. */
interface Found<Value> {
  readonly hit: { readonly value: Value } | undefined;
  /** The stamps from before a load; nothing where a value must not be stored. */
  readonly stamps: readonly string[] | undefined;
}

/** The transaction that a call belongs to. */
interface Within {
  readonly scope: Scope;
  readonly frame: Frame;
  readonly unit: AtomicUnit;
  readonly overlay: Overlay | undefined;
}

/**
 * Values by key that agree with the database: what a transaction sets or deletes only it sees before its commit, and a
 * value is dead from the moment on in which a transaction that changes it begins to commit. Made by `createCache`.
 */
export class Cache<Value, Key extends CacheKey = CacheKey> {
  readonly name: string;
  readonly #database: Database;
  readonly #options: CacheOptions<Value, Key>;
  readonly #store: CacheStore;
  readonly #serializer: Serializer<Value>;
  readonly #overlays = new WeakMap<AtomicUnit, Overlay>();
  readonly #flights = new Flights<Value>();
  readonly #counters: Counters = newCounters();

  constructor(database: Database, options: CacheOptions<Value, Key>) {
    checkCacheOptions(options);
    this.name = options.name;
    this.#database = database;
    this.#options = options;
    this.#store = options.store ?? new MemoryStore();
    this.#serializer = options.serializer ?? (richJson as Serializer<Value>);
  }

  /** What it has done in this process so far. */
  get statistics(): CacheStatistics {
    return { ...this.#counters };
  }

  /** The value, if there is a good one. */
  async get(key: Key, options: CacheCallOptions = {}): Promise<Value | undefined> {
    const { hit } = this.#counted(await this.#find(key, this.#within(options)));
    return hit?.value;
  }

  /** The values in the order of their keys. */
  async mget(keys: readonly Key[], options: CacheCallOptions = {}): Promise<(Value | undefined)[]> {
    return await Promise.all(keys.map((key) => this.get(key, options)));
  }

  /**
   * The value, or what `load` gives, which is kept. Outside of a transaction many who ask at once share a load that began
   * after they asked. In a transaction `load` runs in it.
   */
  async getOrSet(key: Key, load: () => Promise<Value> | Value, options: SetOptions = {}): Promise<Value> {
    const within = this.#within(options);
    const found = this.#counted(await this.#find(key, within));
    if (found.hit !== undefined) return found.hit.value;
    if (within !== undefined) return await this.#load(key, load, found, options, within);
    // Everyone who joins gets a value of their own, which they may change.
    const loaded = await this.#flights.join(keyText(key), async () =>
      this.#load(key, load, await this.#find(key, undefined), options, undefined),
    );
    return this.#serializer.read(this.#serializer.write(loaded));
  }

  /** Sets a value: for the others, once the transaction has committed; without one, at once. */
  async set(value: Value, key: Key, options: SetOptions = {}): Promise<void> {
    const change = { payload: this.#write(value), tags: this.#tagsOf(key), ttl: this.#ttl(options) };
    const within = this.#within(options);
    const text = this.#valueKey(key);
    if (within === undefined) await this.#atOnce([text], new Map([[text, change]]));
    else this.#overlayOf(within).set(within.unit, text, change);
  }

  async del(key: Key, options: CacheCallOptions = {}): Promise<void> {
    await this.mdel([key], options);
  }

  async mdel(keys: readonly Key[], options: CacheCallOptions = {}): Promise<void> {
    const within = this.#within(options);
    const texts = keys.map((key) => this.#valueKey(key));
    if (within === undefined) {
      await this.#atOnce(texts, new Map());
      return;
    }
    const overlay = this.#overlayOf(within);
    for (const text of texts) overlay.set(within.unit, text, { payload: undefined, tags: [], ttl: 0 });
  }

  /** Every value of the cache is dead. */
  async clear(options: CacheCallOptions = {}): Promise<void> {
    await this.#invalidate([this.#wholeTag], options);
  }

  /** Every value that depends on one of the tags is dead. */
  async invalidate(tags: readonly string[], options: CacheCallOptions = {}): Promise<void> {
    await this.#invalidate(tags.map(declaredTag), options);
  }

  async #invalidate(tags: readonly string[], options: CacheCallOptions): Promise<void> {
    const within = this.#within(options);
    if (within === undefined) await this.#atOnce(tags, new Map());
    else this.#overlayOf(within).invalidate(tags);
  }

  async #find(key: Key, within: Within | undefined): Promise<Found<Value>> {
    const text = this.#valueKey(key);
    const tags = this.#tagsOf(key);
    if (within !== undefined) {
      const change = within.overlay?.find(within.unit, text);
      if (change !== undefined) return { hit: this.#decoded(change.payload), stamps: undefined };
      // What the transaction has changed is not what others see, and a snapshot is older than what they do.
      if (!seesLatest(within.scope) || tags.some((tag) => within.overlay?.isDirty(tag) === true)) return nothing;
    }
    const found = await this.#tolerated(this.#store.read(text, tags));
    // What the store cannot tell the database does; the store says what is wrong.
    if (found === undefined) return nothing;
    const { stored, tags: states } = found;
    const stamps = states.some(({ isLocked }) => isLocked) ? undefined : states.map(({ stamp }) => stamp);
    return { hit: stored !== undefined && isGood(stored, states) ? this.#decoded(stored.payload) : undefined, stamps };
  }

  /** What cannot be read is not there, and is told of. */
  #decoded(payload: string | undefined): Found<Value>['hit'] {
    if (payload === undefined) return undefined;
    try {
      return { value: this.#serializer.read(payload) };
    } catch {
      this.#counters.failures += 1;
      // What a parser says quotes the value.
      const error = new Error('A value in the store cannot be read by the serializer; it is loaded again');
      reportBackgroundError({ source: `cache "${this.name}"`, error });
      return undefined;
    }
  }

  async #load(
    key: Key,
    load: () => Promise<Value> | Value,
    { hit, stamps }: Found<Value>,
    options: SetOptions,
    within: Within | undefined,
  ): Promise<Value> {
    if (hit !== undefined) return hit.value;
    this.#counters.loads += 1;
    const value = await load();
    const payload = this.#write(value);
    // A transaction that has written may have read its own, which is not committed.
    const mayStore = stamps !== undefined && within?.scope.transaction.hasWritten !== true;
    if (mayStore) await this.#keep({ key: this.#valueKey(key), stamps, payload, ttl: this.#ttl(options) });
    return value;
  }

  /** A value that could not be stored is loaded again the next time. */
  async #keep(write: StoreWrite): Promise<void> {
    await this.#tolerated(this.#store.write(write));
  }

  async #tolerated<Result>(command: Promise<Result>): Promise<Result | undefined> {
    try {
      return await command;
    } catch {
      this.#counters.failures += 1;
      return undefined;
    }
  }

  #counted(found: Found<Value>): Found<Value> {
    if (found.hit !== undefined) this.#counters.hits += 1;
    else if (found.stamps === undefined) this.#counters.bypasses += 1;
    else this.#counters.misses += 1;
    return found;
  }

  /** Outside of a transaction: as one that has nothing to commit. */
  async #atOnce(tags: readonly string[], changes: ReturnType<Overlay['changes']>): Promise<void> {
    const transaction = randomUUID();
    const stamp = randomUUID();
    const [clean] = await Promise.all([
      this.#cleanStates(tags, changes),
      this.#store.prepare(transaction, tags, stamp, this.#commitTimeout),
    ]);
    await this.#settle(transaction, { tags, stamp, changes, clean });
  }

  #overlayOf(within: Within): Overlay {
    if (within.overlay !== undefined) return within.overlay;
    const { scope, frame } = within;
    const whole = wholeUnit(scope);
    const known = this.#overlays.get(whole);
    if (known !== undefined) return known;
    const overlay = new Overlay(this.#wholeTag);
    const transaction = randomUUID();
    let prepared: Prepared | undefined;
    registerWhole(scope, frame, {
      beforeCommit: async () => {
        prepared = await this.#prepare(transaction, overlay, scope);
      },
      completion: async (outcome) => {
        if (prepared !== undefined) await this.#complete(transaction, prepared, outcome);
      },
    });
    scope.transaction.savepoints.observe({
      released: (savepoint) => overlay.released(savepoint),
      rolledBack: (savepoint) => overlay.rolledBack(savepoint),
    });
    this.#overlays.set(whole, overlay);
    return overlay;
  }

  /** Locks what the transaction is about to change. @throws CacheUnavailableError, which rolls it back */
  async #prepare(transaction: string, overlay: Overlay, scope: Scope): Promise<Prepared> {
    const tags = overlay.dirty;
    const changes = overlay.changes();
    const stamp = randomUUID();
    try {
      const start = performance.now();
      const [clean] = await Promise.all([
        this.#cleanStates(tags, changes),
        this.#store.prepare(transaction, tags, stamp, this.#commitTimeout),
        this.#fence(scope),
      ]);
      if (performance.now() - start > this.#commitTimeout / 2) throw new Error('it took too long');
      return { tags, stamp, changes, clean };
    } catch (cause) {
      throw new CacheUnavailableError({
        what: `The cache "${this.name}" could not be told what the transaction is about to change, so it was rolled back`,
        remedy: 'See the cause; look at the store of the cache, or repeat the transaction',
        cause,
      });
    }
  }

  /**
   * Has the server end a transaction whose process is frozen between its locks and its COMMIT, before the locks end.
   * PostgreSQL alone can; elsewhere `commitTimeout` has to be long enough.
   */
  async #fence({ transaction }: Scope): Promise<void> {
    const { client } = transaction;
    if (this.#store.isShared !== true || client.driver.dialect !== 'postgres' || !transaction.hasStarted) return;
    const limit = Math.floor(this.#commitTimeout / 2);
    await this.#database
      .getDb({ clientName: client.name })
      .query(`set local idle_in_transaction_session_timeout = ${limit}`);
  }

  async #complete(transaction: string, prepared: Prepared, outcome: Outcome): Promise<void> {
    // Nobody knows whether it is committed: the locks end by themselves, and what was stored before stays dead.
    if (outcome === 'unknown') return;
    const changes = outcome === 'committed' ? prepared.changes : new Map<string, never>();
    try {
      await this.#settle(transaction, { ...prepared, changes });
    } catch (error) {
      // The locks end by themselves; until then the database is read.
      reportBackgroundError({ source: `cache "${this.name}"`, error });
    }
  }

  /** Ends the locks, and stores what was set; that is dead if anybody has changed its tags since. */
  async #settle(transaction: string, { tags, stamp, changes, clean }: Prepared): Promise<void> {
    const own = new Set(tags);
    const writes = [...changes].flatMap(([key, { payload, tags: of, ttl }]) => {
      if (payload === undefined || of.some((tag) => clean.get(tag)?.isLocked === true)) return [];
      return { key, stamps: of.map((tag) => (own.has(tag) ? stamp : (clean.get(tag)?.stamp ?? ''))), payload, ttl };
    });
    await Promise.all([...writes.map((write) => this.#keep(write)), this.#store.release(transaction, tags)]);
  }

  /** What the other tags of what was set are before the commit. */
  async #cleanStates(
    tags: readonly string[],
    changes: ReturnType<Overlay['changes']>,
  ): Promise<ReadonlyMap<string, TagState>> {
    const own = new Set(tags);
    const names = [...new Set([...changes.values()].flatMap((change) => change.tags).filter((tag) => !own.has(tag)))];
    if (names.length === 0) return new Map();
    const { tags: states } = await this.#store.read('', names);
    return new Map(states.map((state, index) => [names[index] ?? '', state]));
  }

  #within({ db = this.#database.current }: CacheCallOptions): Within | undefined {
    const frame = currentFrame();
    const client = internalsOf(this.#database).clientNamed(db.clientName);
    const scope = findPlace(frame, client).scope as Scope | undefined;
    if (scope === undefined || frame === undefined || scope.base !== undefined) return undefined;
    scope.assertOpen();
    return { scope, frame, unit: scope.unit, overlay: this.#overlays.get(wholeUnit(scope)) };
  }

  #write(value: Value): string {
    const payload = this.#serializer.write(value);
    const { maxSize = 1_048_576 } = this.#options;
    if (payload.length <= maxSize) return payload;
    throw new CacheValueTooLargeError({
      what: `A value for the cache "${this.name}" has ${payload.length} characters, and it takes at most ${maxSize}; it was not stored`,
      remedy: 'Keep a smaller part of it, or raise maxSize',
    });
  }

  #ttl({ ttl }: SetOptions): number {
    return ttl ?? this.#options.ttl ?? 300_000;
  }
  get #commitTimeout(): number {
    return this.#options.commitTimeout ?? 10_000;
  }
  get #wholeTag(): string {
    return `${this.name}/`;
  }
  #valueKey(key: Key): string {
    return `${this.name}/${keyText(key)}`;
  }
  /** That of the key is the key itself. */
  #tagsOf(key: Key): readonly string[] {
    return [this.#valueKey(key), this.#wholeTag, ...(this.#options.tags?.(key) ?? []).map(declaredTag)];
  }
}

/** What was locked, and what is to be stored when it is committed. */
interface Prepared {
  readonly tags: readonly string[];
  readonly stamp: string;
  readonly changes: ReturnType<Overlay['changes']>;
  readonly clean: ReadonlyMap<string, TagState>;
}

const nothing: Found<never> = { hit: undefined, stamps: undefined };

/** Tags of the program are the same for all caches, and never those of a key. */
function declaredTag(tag: string): string {
  return `#${tag}`;
}

/** A transaction that reads what is committed now, and not a snapshot from before or what is not committed. */
function seesLatest({ transaction }: Scope): boolean {
  const { driver } = transaction.client;
  const { isolation } = transaction.characteristics;
  return driver.fulfils(isolation, 'READ_COMMITTED') && !driver.fulfils(isolation, 'REPEATABLE_READ');
}

function isGood({ stamps }: Stored, states: readonly TagState[]): boolean {
  return (
    stamps.length === states.length &&
    states.every(({ stamp, isLocked }, index) => !isLocked && stamp === stamps[index])
  );
}

/** Makes a cache that agrees with a database. @throws InvalidOptionError */
export function createCache<Value, Key extends CacheKey = CacheKey>(
  database: Database,
  options: CacheOptions<Value, Key>,
): Cache<Value, Key> {
  return new Cache(database, options);
}
