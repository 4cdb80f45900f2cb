import { LRUCache } from 'lru-cache';
import { checked, type Clock, integer, knownToCopies, systemClock } from '../core/index.ts';
import {
  type CacheStore,
  type ChangeFeed,
  type ChangeListener,
  type Locked,
  newStamp,
  type StoreRead,
  type StoreWrite,
  type TagState,
} from './store.ts';

interface Tag {
  stamp: string;
  /** When the lock of each committing transaction ends by itself. */
  readonly intents: Map<string, number>;
}

interface Entry {
  readonly stamps: readonly string[];
  readonly payload: string;
  readonly until: number;
}

/** Reports changes in the same process synchronously. */
class LocalFeed implements ChangeFeed {
  readonly provenAt: number = Number.POSITIVE_INFINITY;
  readonly #listeners = new Set<ChangeListener>();

  listen(listener: ChangeListener): void {
    this.#listeners.add(listener);
  }
  prove(): void {}
  tell(tags: readonly string[]): void {
    for (const listener of this.#listeners) listener.changed(tags);
  }
}

/** Options of an LRU cache for so many entries; its own option `max` would take the memory for all of them at once. */
export function upTo(entries: number): { readonly maxSize: number; readonly sizeCalculation: () => number } {
  return { maxSize: entries, sizeCalculation: () => 1 };
}

/** A value depends on a few tags, of which one is its own. The least recently used tag is forgotten, which kills its values. */
const tagsPerValue = 2;

/**
 * A store in this process, for one process, or for tests. The longest unused is dropped where there are more than `max` values.
 *
 * ```ts
 * const products = createCache(database, { name: 'product', store: new MemoryStore(1_000) });
 * ```
 */
export class MemoryStore implements CacheStore {
  static {
    knownToCopies(MemoryStore, 'memory-store');
  }

  readonly #feed = new LocalFeed();
  /** Reports changes synchronously, to the caches of this process. */
  readonly feed: ChangeFeed = this.#feed;
  readonly #clock: Clock;
  readonly #values: LRUCache<string, Entry>;
  readonly #tags: LRUCache<string, Tag>;
  /** Tags with locks, which are not forgotten. */
  readonly #locked = new Map<string, Tag>();

  /** @param max from 1 to 100,000,000. @throws InvalidOptionError */
  constructor(max = 10_000, clock: Clock = systemClock) {
    checked('new MemoryStore', 'max', max, integer(1, 100_000_000));
    this.#clock = clock;
    this.#values = new LRUCache(upTo(max));
    this.#tags = new LRUCache(upTo(max * tagsPerValue));
  }

  /** See `CacheStore.read`. */
  read(key: string, tags: readonly string[]): Promise<StoreRead> {
    const entry = this.#values.get(key);
    const isAlive = entry !== undefined && entry.until > this.#clock.now();
    if (entry !== undefined && !isAlive) this.#values.delete(key);
    const states = tags.map((tag) => this.#stateOf(tag));
    const isGood = isAlive && hasStamps(entry, states);
    const stored = isGood ? { payload: entry.payload, remaining: entry.until - this.#clock.now() } : undefined;
    return Promise.resolve({ stored, tags: states });
  }

  /** See `CacheStore.write`. */
  write({ key, stamps, payload, ttl }: StoreWrite): Promise<void> {
    this.#values.set(key, { stamps, payload, until: this.#clock.now() + ttl });
    return Promise.resolve();
  }

  /** See `CacheStore.prepare`. */
  prepare(transaction: string, tags: readonly string[], ttl: number): Promise<Locked> {
    const stamp = newStamp();
    for (const name of tags) {
      const tag = this.#tag(name);
      tag.stamp = stamp;
      tag.intents.set(transaction, this.#clock.now() + ttl);
      this.#locked.set(name, tag);
    }
    this.#feed.tell(tags);
    return Promise.resolve({ stamps: tags.map(() => stamp) });
  }

  /** See `CacheStore.release`. */
  release(transaction: string, tags: readonly string[]): Promise<void> {
    for (const name of tags) {
      const tag = this.#tag(name);
      // The lock has expired and readers may have taken the tag for free: what they have stored is dead.
      if (!this.#isLive(tag, transaction)) {
        tag.stamp = newStamp();
        this.#feed.tell([name]);
      }
      tag.intents.delete(transaction);
      this.#settle(name, tag);
    }
    return Promise.resolve();
  }

  #stateOf(name: string): TagState {
    const tag = this.#tag(name);
    if (tag.intents.size === 0) return { stamp: tag.stamp, isLocked: false };
    let isLocked = false;
    for (const transaction of tag.intents.keys()) {
      if (this.#isLive(tag, transaction)) isLocked = true;
      else tag.intents.delete(transaction);
    }
    this.#settle(name, tag);
    return { stamp: tag.stamp, isLocked };
  }

  #isLive({ intents }: Tag, transaction: string): boolean {
    return (intents.get(transaction) ?? 0) > this.#clock.now();
  }

  #tag(name: string): Tag {
    const known = this.#tags.get(name) ?? this.#locked.get(name);
    const tag = known ?? { stamp: newStamp(), intents: new Map<string, number>() };
    if (known === undefined) this.#tags.set(name, tag);
    return tag;
  }

  /** A tag without locks may be forgotten again. */
  #settle(name: string, tag: Tag): void {
    if (tag.intents.size > 0) return;
    this.#locked.delete(name);
    this.#tags.set(name, tag);
  }
}

function hasStamps({ stamps }: Entry, states: readonly TagState[]): boolean {
  return (
    stamps.length === states.length &&
    states.every(({ stamp, isLocked }, index) => !isLocked && stamp === stamps[index])
  );
}
