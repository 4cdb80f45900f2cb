// A cache store that knows the packed package alone: a Map with times.
import { describe, it } from 'node:test';
import { newStamp } from 'sluice/cache';
import { cacheStoreSuite, register } from 'sluice/testing/conformance';

class ToyStore {
  #values = new Map();
  #tags = new Map();

  async read(key, tags) {
    const states = tags.map((name) => {
      const { stamp, locks } = this.#tag(name);
      return { stamp, isLocked: [...locks.values()].some((until) => until > Date.now()) };
    });
    const value = this.#values.get(key);
    const isGood =
      value !== undefined &&
      value.until > Date.now() &&
      states.every(({ stamp, isLocked }, index) => !isLocked && stamp === value.stamps[index]);
    const stored = isGood ? { payload: value.payload, remaining: value.until - Date.now() } : undefined;
    return { stored, tags: states };
  }

  async write({ key, stamps, payload, ttl }) {
    this.#values.set(key, { stamps, payload, until: Date.now() + ttl });
  }

  async prepare(transaction, tags, ttl) {
    const stamps = tags.map(() => newStamp());
    for (const [index, name] of tags.entries()) {
      const tag = this.#tag(name);
      tag.stamp = stamps[index];
      tag.locks.set(transaction, Date.now() + ttl);
    }
    return { stamps };
  }

  async release(transaction, tags) {
    for (const name of tags) {
      const tag = this.#tag(name);
      if ((tag.locks.get(transaction) ?? 0) <= Date.now()) tag.stamp = newStamp();
      tag.locks.delete(transaction);
    }
  }

  #tag(name) {
    const known = this.#tags.get(name) ?? { stamp: newStamp(), locks: new Map() };
    this.#tags.set(name, known);
    return known;
  }
}

register(cacheStoreSuite({ name: 'toy store', make: () => new ToyStore() }), { describe, it });
