import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { type CacheStore, type ChangeFeed, type ChangeListener, MemoryStore } from '../../../src/cache/index.ts';
import { RedisStore } from '../../../src/cache/redis/index.ts';
import { cacheStoreSuite, register } from '../../../src/testing/conformance/index.ts';
import { untilUsed } from '../../support/redis-store.ts';
import { describeWith, redisKeys, redisUrl } from '../../support/servers.ts';
import { expectFound, failuresOf } from './negative-controls.ts';

register(cacheStoreSuite({ name: 'memory', make: () => new MemoryStore() }), { describe, it });

await describeWith('Redis', 'Redis', () => {
  const clients: Redis[] = [];
  afterAll(() => {
    for (const client of clients) client.disconnect();
  });
  const connect = (): Redis => {
    const client = new Redis(redisUrl);
    clients.push(client);
    return client;
  };
  const open = async (prefix: string): Promise<RedisStore> => {
    const store = new RedisStore({
      client: connect(),
      subscriber: connect(),
      prefix,
      timeout: 5_000,
      commitTimeout: 100,
    });
    await untilUsed(store);
    return store;
  };
  let made = 0;
  const suite = cacheStoreSuite({
    name: 'redis',
    timeout: 20_000,
    make() {
      made += 1;
      return open(`${redisKeys(`store-port-${process.pid}-${made}`)}:`);
    },
    share: (store) => open(store.name ?? ''),
  });
  register(suite, { describe, it });
});

/** A feed that is told at once. */
class ToldFeed implements ChangeFeed {
  isDeaf = false;
  isDeafToReleases = false;
  readonly #listeners = new Set<ChangeListener>();
  readonly #proof: () => number;

  constructor(proof = () => performance.now()) {
    this.#proof = proof;
  }
  get provenAt(): number {
    return this.#proof();
  }
  listen(listener: ChangeListener): void {
    this.#listeners.add(listener);
  }
  prove(): void {}
  tell(tags: readonly string[]): void {
    for (const listener of this.#listeners) listener.changed(tags);
  }
}

describe('a broken cache store', () => {
  const suiteOn = (breaking: (store: CacheStore) => Partial<CacheStore>): ReturnType<typeof cacheStoreSuite> =>
    cacheStoreSuite({
      name: 'broken',
      timeout: 1_000,
      make() {
        const store = new MemoryStore();
        const whole: CacheStore = {
          feed: store.feed,
          read: (key, tags) => store.read(key, tags),
          write: (...args) => store.write(...args),
          prepare: (...args) => store.prepare(...args),
          release: (...args) => store.release(...args),
        };
        return { ...whole, ...breaking(whole) };
      },
    });

  it('is not found where nothing is broken', async () => {
    expect([...(await failuresOf(suiteOn(() => ({}))))]).toEqual([]);
  });

  /** Stores of two processes on one place, each with a feed of its own. */
  const sharedSuiteOn = (made: readonly [ToldFeed, ToldFeed]): ReturnType<typeof cacheStoreSuite> => {
    const [here, there] = made;
    const place = new MemoryStore();
    const tell = (feed: ToldFeed): CacheStore => ({
      isShared: true,
      feed,
      read: (key, tags) => place.read(key, tags),
      write: (write) => place.write(write),
      async prepare(transaction, tags, ttl) {
        const locked = await place.prepare(transaction, tags, ttl);
        for (const each of made) if (each === feed || !each.isDeaf) each.tell(tags);
        return locked;
      },
      async release(transaction, tags) {
        const before = (await place.read('', tags)).tags;
        await place.release(transaction, tags);
        const after = (await place.read('', tags)).tags;
        const changed = tags.filter((_, index) => before[index]?.stamp !== after[index]?.stamp);
        if (changed.length === 0) return;
        for (const each of made) if (each === feed || !(each.isDeaf || each.isDeafToReleases)) each.tell(changed);
      },
    });
    return cacheStoreSuite({ name: 'shared', timeout: 1_000, make: () => tell(here), share: () => tell(there) });
  };
  const ofOthers = 'tells the listeners of its feed, if it has one, which tags other processes have changed';

  it('of several processes is not found where nothing is broken', async () => {
    const { checks, ...suite } = sharedSuiteOn([new ToldFeed(), new ToldFeed()]);
    const shared = checks.filter(({ name }) => name.includes('other processes'));
    expect(shared).toHaveLength(3);
    expect([...(await failuresOf({ ...suite, checks: shared }))]).toEqual([]);
  });

  it.each([
    ['is deaf to other processes', { isDeaf: true }],
    ['is deaf to what other processes release too late', { isDeafToReleases: true }],
  ])('of several processes is found where its feed %s', async (_, fault) => {
    const deaf = (): ToldFeed => Object.assign(new ToldFeed(), fault);
    await expectFound(sharedSuiteOn([new ToldFeed(), deaf()]), ofOthers, /It did not end within 1000 ms/);
    await expectFound(sharedSuiteOn([deaf(), new ToldFeed()]), ofOthers, /It did not end within 1000 ms/);
  });

  it.each([
    ['claims to know of every change for ever', () => Number.POSITIVE_INFINITY, /it is Infinity/],
    ['proves once alone', () => 1, /It did not end within 1000 ms/],
  ])('of several processes is found where its feed %s', async (_, proof, message) => {
    const name = 'proves no more than it knows of other processes, and again while it is used';
    await expectFound(sharedSuiteOn([new ToldFeed(), new ToldFeed(proof)]), name, message);
  });

  it.each<[name: string, message: RegExp, breaking: (store: CacheStore) => Partial<CacheStore>]>([
    [
      'finds nothing for an unknown key, and gives the state of each tag',
      /the number of tags: expected 2, found 1/,
      (store) => ({ read: (key, tags) => store.read(key, tags.slice(0, 1)) }),
    ],
    [
      'never finds a value that was written under a stamp of before',
      /the payload: expected undefined, found 'loaded before the change'/,
      (store) => ({
        async write(write) {
          const { tags } = await store.read(write.key, ['a', 'all']);
          await store.write({ ...write, stamps: tags.map(({ stamp }) => stamp) });
        },
      }),
    ],
    [
      'forgets a value after its time',
      /It did not end within 1000 ms/,
      (store) => ({ write: (write) => store.write({ ...write, ttl: 60_000 }) }),
    ],
    [
      'gives tags new stamps and locks them when a transaction begins to commit',
      /"isLocked": expected \[ true, true \], found \[ false, false \]/,
      (store) => ({
        async prepare(transaction, tags, ttl) {
          const locked = await store.prepare(transaction, tags, ttl);
          await store.release(transaction, tags);
          return locked;
        },
      }),
    ],
    [
      'unlocks tags when the transaction is released, and brings nothing of before back',
      /isLocked: false.*found.*isLocked: true/s,
      () => ({ release: () => Promise.resolve() }),
    ],
    [
      'keeps a tag locked until every transaction is released that has locked it',
      /"isLocked" after the first release: expected true, found false/,
      (store) => ({
        prepare: (_transaction, tags, ttl) => store.prepare('any', tags, ttl),
        release: (_transaction, tags) => store.release('any', tags),
      }),
    ],
    [
      'ends a lock after its time, and kills what was stored since when its transaction is released later',
      /the payload after the late release: expected undefined, found 'loaded too early'/,
      (store) => ({ release: () => Promise.resolve(void store) }),
    ],
    [
      'finds a value as soon as it was written, although the write was not awaited',
      /the payload: expected 'value', found undefined/,
      (store) => ({
        async write(write) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          await store.write(write);
        },
      }),
    ],
    [
      'changes no tag but those that it is told',
      /the payload under another tag: expected 'value', found undefined/,
      (store) => ({ prepare: (transaction, tags, ttl) => store.prepare(transaction, [...tags, 'b'], ttl) }),
    ],
    [
      'gives the right to load a key, if it has "lease", to one at a time',
      /what the second gets: expected undefined/,
      () => ({ lease: () => Promise.resolve(() => Promise.resolve()) }),
    ],
    [
      'tells the listeners of its feed, if it has one, which tags have changed',
      /the tags that were told when "prepare" has resolved: expected \[ 'a', 'b' \], found \[\]/,
      () => ({ feed: { provenAt: 1, listen() {}, prove() {} } }),
    ],
    [
      'tells the listeners of its feed, if it has one, which tags have changed',
      /the tags that were told when "prepare" has resolved: expected \[ 'a', 'b' \], found \[\]/,
      (store) => {
        const feed = new ToldFeed();
        return {
          feed,
          async prepare(transaction, tags, ttl) {
            setTimeout(() => feed.tell(tags), 10);
            return await store.prepare(transaction, tags, ttl);
          },
        };
      },
    ],
  ])('is found by: %s', async (name, message, breaking) => {
    await expectFound(suiteOn(breaking), name, message);
  });
});
