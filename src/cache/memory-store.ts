import { newStamp } from './stamp.ts';
import { type Clock, systemClock } from '../core/index.ts';
import type { CacheStore, ChangeFeed, ChangeListener, Stored, StoreWrite, TagState } from './store.ts';

interface Tag {
  stamp: string;
  /** When the lock of each committing transaction ends by itself. */
  readonly intents: Map<string, number>;
}

interface Entry extends Stored {
  readonly until: number;
}

/** Changes in the same process are told of at once. */
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

/** A value depends on a few tags; one of which nobody has asked for longest is forgotten, which kills its values. */
const tagsPerValue = 4;

/** A store in this process, for one process, or for tests. The longest unused is dropped where there are more than `max` values. */
export class MemoryStore implements CacheStore {
  readonly feed: LocalFeed = new LocalFeed();
  readonly #clock: Clock;
  readonly #max: number;
  readonly #values = new Map<string, Entry>();
  readonly #tags = new Map<string, Tag>();

  constructor(max = 10_000, clock: Clock = systemClock) {
    this.#max = max;
    this.#clock = clock;
  }

  read(key: string, tags: readonly string[]): ReturnType<CacheStore['read']> {
    const entry = this.#values.get(key);
    const isAlive = entry !== undefined && entry.until > this.#clock.now();
    if (entry !== undefined) {
      this.#values.delete(key);
      if (isAlive) this.#values.set(key, entry);
    }
    const stored = isAlive ? { ...entry, remaining: entry.until - this.#clock.now() } : undefined;
    return Promise.resolve({ stored, tags: tags.map((tag) => this.#stateOf(tag)) });
  }

  write({ key, stamps, payload, ttl }: StoreWrite): Promise<void> {
    this.#values.delete(key);
    const [oldest] = this.#values.keys();
    if (this.#values.size >= this.#max && oldest !== undefined) this.#values.delete(oldest);
    this.#values.set(key, { stamps, payload, until: this.#clock.now() + ttl });
    return Promise.resolve();
  }

  prepare(transaction: string, tags: readonly string[], stamp: string, ttl: number): Promise<void> {
    for (const tag of tags) {
      const state = this.#tag(tag);
      state.stamp = stamp;
      state.intents.set(transaction, this.#clock.now() + ttl);
    }
    this.feed.tell(tags);
    return Promise.resolve();
  }

  release(transaction: string, tags: readonly string[]): Promise<void> {
    for (const name of tags) {
      const tag = this.#tag(name);
      // Read meanwhile by who took it for free: what that has stored is dead.
      if (!this.#isLive(tag, transaction)) {
        tag.stamp = newStamp();
        this.feed.tell([name]);
      }
      tag.intents.delete(transaction);
    }
    return Promise.resolve();
  }

  #stateOf(name: string): TagState {
    const tag = this.#tag(name);
    let isLocked = false;
    for (const transaction of tag.intents.keys()) {
      if (this.#isLive(tag, transaction)) isLocked = true;
      else tag.intents.delete(transaction);
    }
    return { stamp: tag.stamp, isLocked };
  }

  #isLive({ intents }: Tag, transaction: string): boolean {
    return (intents.get(transaction) ?? 0) > this.#clock.now();
  }

  #tag(name: string): Tag {
    const known = this.#tags.get(name);
    const tag = known ?? { stamp: newStamp(), intents: new Map<string, number>() };
    this.#tags.delete(name);
    this.#tags.set(name, tag);
    if (known === undefined && this.#tags.size > this.#max * tagsPerValue) this.#forgetTag();
    return tag;
  }

  /** A lock is not forgotten: its tag goes to the end of the line. */
  #forgetTag(): void {
    const [[name, tag] = []] = this.#tags;
    if (name === undefined || tag === undefined) return;
    this.#tags.delete(name);
    if ([...tag.intents.keys()].some((transaction) => this.#isLive(tag, transaction))) this.#tags.set(name, tag);
  }
}
