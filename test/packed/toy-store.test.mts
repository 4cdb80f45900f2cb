// A cache store that knows the packed package alone: a Map with times. The page on ports shows it.
import { describe, it } from 'node:test';
import { type CacheStore, type Locked, newStamp, type StoreRead, type StoreWrite, type TagState } from 'sluice/cache';
import { cacheStoreSuite, register } from 'sluice/testing/conformance';

interface Value {
  readonly payload: string;
  readonly stamps: readonly string[];
  readonly until: number;
}

interface Tag {
  stamp: string;
  /** When the lock of each transaction ends. */
  readonly locks: Map<string, number>;
}

class ToyStore implements CacheStore {
  readonly #values = new Map<string, Value>();
  readonly #tags = new Map<string, Tag>();

  // The value, if it is good, and the state of each tag, in the order of the tags: all as of one moment.
  async read(key: string, tags: readonly string[]): Promise<StoreRead> {
    const now = Date.now();
    const states = tags.map((name): TagState => {
      const { stamp, locks } = this.#tag(name);
      return { stamp, isLocked: [...locks.values()].some((until) => until > now) };
    });
    const value = this.#values.get(key);
    const isGood =
      value !== undefined &&
      value.until > now &&
      states.every(({ stamp, isLocked }, index) => !isLocked && stamp === value.stamps[index]);
    return { stored: isGood ? { payload: value.payload, remaining: value.until - now } : undefined, tags: states };
  }

  // Keeps the value with the stamps that its tags had before it was loaded.
  async write({ key, stamps, payload, ttl }: StoreWrite): Promise<void> {
    this.#values.set(key, { payload, stamps, until: Date.now() + ttl });
  }

  // Gives each tag a stamp that it never had, and a lock of this transaction.
  async prepare(transaction: string, tags: readonly string[], ttl: number): Promise<Locked> {
    const stamps = tags.map((name) => {
      const tag = this.#tag(name);
      tag.stamp = newStamp();
      tag.locks.set(transaction, Date.now() + ttl);
      return tag.stamp;
    });
    return { stamps };
  }

  // Ends the locks of this transaction alone. A lock that had ended before may have let an old value in: a new stamp.
  async release(transaction: string, tags: readonly string[]): Promise<void> {
    for (const name of tags) {
      const tag = this.#tag(name);
      if ((tag.locks.get(transaction) ?? 0) <= Date.now()) tag.stamp = newStamp();
      tag.locks.delete(transaction);
    }
  }

  // A tag that is not known gets a stamp, and keeps it.
  #tag(name: string): Tag {
    const tag = this.#tags.get(name) ?? { stamp: newStamp(), locks: new Map<string, number>() };
    this.#tags.set(name, tag);
    return tag;
  }
}

register(cacheStoreSuite({ name: 'toy store', make: () => new ToyStore() }), { describe, it });
