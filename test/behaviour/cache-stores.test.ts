import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Cache,
  type CacheOptions,
  type CacheStore,
  createCache,
  createChangesRelay,
  type Locked,
  MemoryStore,
  type StoreRead,
} from '../../src/cache/index.ts';
import { type BackgroundErrorEvent, channelNames, type Database } from '../../src/index.ts';
import { createModel, defineModel } from '../../src/model/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
const never = (): Promise<never> => new Promise(() => {});

/** A store of an outsider, of which one call or another can be broken. */
class ToyStore implements CacheStore {
  readonly isShared = true;
  readonly name: string = 'toy';
  readonly #store = new MemoryStore();
  readonly feed = this.#store.feed;
  broken: { [Call in 'read' | 'find' | 'write' | 'prepare' | 'release' | 'lease']?: (() => unknown) | undefined } = {};

  read(...args: Parameters<CacheStore['read']>): Promise<StoreRead> {
    const [key, tags] = args;
    return this.broken.read === undefined ? this.#store.read(key, tags) : (this.broken.read() as Promise<StoreRead>);
  }
  write(...args: Parameters<CacheStore['write']>): Promise<void> {
    return this.broken.write === undefined ? this.#store.write(...args) : (this.broken.write() as Promise<void>);
  }
  prepare(...args: Parameters<CacheStore['prepare']>): Promise<Locked> {
    return this.broken.prepare === undefined
      ? this.#store.prepare(...args)
      : (this.broken.prepare() as Promise<Locked>);
  }
  release(...args: Parameters<CacheStore['release']>): Promise<void> {
    return this.broken.release === undefined ? this.#store.release(...args) : (this.broken.release() as Promise<void>);
  }
}

/** With the calls that a store may leave out. */
class RichStore extends ToyStore {
  find(): ReturnType<NonNullable<CacheStore['find']>> {
    return (this.broken.find?.() ?? Promise.resolve('missing')) as Promise<'missing'>;
  }
  lease(): ReturnType<NonNullable<CacheStore['lease']>> {
    return (this.broken.lease?.() ?? Promise.resolve(() => Promise.resolve())) as Promise<() => Promise<void>>;
  }
}

function open<Store extends ToyStore>(
  store: Store,
  options: Partial<CacheOptions<number, number>> = {},
): { readonly database: Database<'default'>; readonly store: Store; readonly stock: Cache<number, number> } {
  const database = server.open({ max: 4 });
  return { database, store, stock: createCache(database, { name: 'stock', store, storeTimeout: 50, ...options }) };
}

let reports: BackgroundErrorEvent[] = [];
const onReport = (event: unknown): void => void reports.push(event as BackgroundErrorEvent);
beforeEach(() => {
  reports = [];
  subscribe(channelNames.backgroundError, onReport);
});
afterEach(() => void unsubscribe(channelNames.backgroundError, onReport));

describe('a store that never answers', () => {
  it('holds up a commit for the time of the cache, and then rolls it back', async () => {
    const { database, store, stock } = open(new ToyStore());
    await insert(database, 1);
    store.broken.prepare = never;
    const failed = await rejection(
      database.transaction(async () => {
        await insert(database, 2);
        await stock.del(1);
      }),
    );
    expect(failed).toMatchObject({ code: 'CACHE_UNAVAILABLE', retryable: true, cause: { code: 'CACHE_STORE_FAILED' } });
    expect(failed.message).toContain('(ToyStore) did not answer prepare() within 50 ms');
    expect(failed.message).toContain('storeTimeout');
    expect(await server.products()).toEqual([1]);
    expect(await rejection(stock.del(1))).toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    expect(await rejection(stock.set(5, 1))).toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    store.broken.prepare = undefined;
    await stock.del(1);
  });

  it('is given the shortest time of all caches that a transaction has touched', async () => {
    const { database, store, stock } = open(new ToyStore(), { storeTimeout: 60_000 });
    const price = createCache<number, number>(database, { name: 'price', store, storeTimeout: 50 });
    store.broken.prepare = never;
    const failed = database.transaction(async () => {
      await stock.del(1);
      await price.del(1);
    });
    expect((await rejection(failed)).message).toContain('within 50 ms');
  });

  it("lets a transaction commit with onCacheUnavailable: 'outbox', and is reported", async () => {
    const { database, store, stock } = open(new ToyStore(), { onCacheUnavailable: 'outbox' });
    await createOutboxTables(database.current);
    await server.sql('delete from sluice_outbox');
    store.broken.prepare = never;
    await database.transaction(async () => {
      await insert(database, 1);
      await stock.del(1);
    });
    expect(await server.products()).toEqual([1]);
    expect(reports).toMatchObject([{ source: 'cache "stock"', error: { code: 'CACHE_STORE_FAILED' } }]);
    const relay = createChangesRelay(database, { store, storeTimeout: 50 });
    const failed = await rejection(relay.drain());
    expect(failed).toMatchObject({ code: 'RELAY_UNAVAILABLE', cause: { code: 'CACHE_STORE_FAILED' } });
    store.broken.prepare = undefined;
    await until('it is told', async () => (await relay.drain()) === 1);
  });

  it.each(['read', 'write', 'release'] as const)('keeps no caller with its %s', async (call) => {
    const { database, store, stock } = open(new ToyStore());
    store.broken[call] = never;
    expect(await stock.getOrSet(1, () => 7)).toBe(7);
    await stock.set(8, 2);
    await database.transaction(async () => {
      expect(await stock.getOrSet(3, () => 9)).toBe(9);
      await stock.set(10, 4);
    });
    await stock.del(5);
    await database.close();
    expect(stock.statistics.failures).toBeGreaterThan(0);
    expect(reports.map(({ error }) => error)).toContainEqual(expect.objectContaining({ code: 'CACHE_STORE_FAILED' }));
  });

  it('keeps no caller with its find or lease, and gets a lease back that comes too late', async () => {
    const { store, stock } = open(new RichStore());
    store.broken.find = never;
    expect(await stock.get(1)).toBeUndefined();
    const [givenBack, mayCome] = [signal(), signal()];
    store.broken.lease = async () => {
      await mayCome.promise;
      return async () => givenBack.fire();
    };
    expect(await stock.getOrSet(1, () => 7)).toBe(7);
    mayCome.fire();
    await givenBack.promise;
    expect(stock.statistics.failures).toBe(3);
    expect(reports).toHaveLength(2);
  });

  it('holds up a model for the time of its cache', async () => {
    const [database, store] = [server.open(), new ToyStore()];
    const cache = { entity: true, query: true, store, storeTimeout: 50 };
    const definition = defineModel<{ id: number; stock: number }>({ table: 'product', key: 'id', cache });
    const product = createModel(database, definition);
    await product.insert({ id: 1, stock: 5 });
    store.broken = { read: never, write: never, prepare: never, release: never };
    expect(await product.get({ id: 1 })).toMatchObject({ id: 1, stock: 5 });
    expect(await product.select()).toHaveLength(1);
    const failed = await rejection(product.update({ id: 1, stock: 4 }));
    expect(failed).toMatchObject({ code: 'CACHE_UNAVAILABLE', cause: { code: 'CACHE_STORE_FAILED' } });
    store.broken = {};
    expect(await product.get({ id: 1 })).toMatchObject({ stock: 5 });
  });

  it('is none whose answer has arrived while the process was busy', async () => {
    const { store, stock } = open(new ToyStore());
    store.broken.prepare = async () => {
      await stat('.');
      return { stamps: [] };
    };
    const deleting = stock.del(1);
    const start = performance.now();
    while (performance.now() < start + 150);
    await deleting;
  });
});

describe('a store that fails, or answers with what it must not', () => {
  const good = { stamp: 'a', isLocked: false };
  const reads: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['rejects', () => Promise.reject(new Error('no')), /\(ToyStore\) failed in read\(\)/],
    [
      'throws',
      () => {
        throw new Error('no');
      },
      /\(ToyStore\) failed in read\(\)/,
    ],
    [
      'undefined',
      () => undefined,
      /answered read\(\) with undefined\. read\(\) has to resolve with \{ stored, tags \}/,
    ],
    ['null', () => Promise.resolve(null), /with null/],
    ['no tags', () => ({ stored: undefined }), /with "tags" that are undefined/],
    ['too few tags', () => ({ tags: [good] }), /with the states of 1 tags, and not of 2/],
    ['a stamp that is no text', () => ({ tags: [good, { ...good, stamp: 1 }] }), /a tag that has no "stamp"/],
    ['an empty stamp', () => ({ tags: [good, { ...good, stamp: '' }] }), /a tag that has no "stamp"/],
    ['no isLocked', () => ({ tags: [good, { stamp: 'a' }] }), /or no "isLocked"/],
    ['a value without its text', () => ({ stored: { payload: 5 }, tags: [good, good] }), /"stored" that is neither/],
    [
      'null for no time',
      () => ({ stored: { payload: 'a', remaining: null }, tags: [good, good] }),
      /payload, remaining/,
    ],
    ['null for no value', () => ({ stored: null, tags: [good, good] }), /"stored" that is neither/],
    ['an epoch that is no text', () => ({ stored: undefined, tags: [good, good], epoch: 5 }), /"epoch" that is/],
  ];
  it.each(reads)('read: %s: the value is loaded, counted, and reported once', async (_, broken, message) => {
    const { database, store, stock } = open(new ToyStore());
    store.broken.read = broken;
    for (let turn = 0; turn < 3; turn += 1) expect(await stock.getOrSet(turn, () => 7)).toBe(7);
    expect(await stock.get(1)).toBeUndefined();
    expect(await database.transaction(() => stock.getOrSet(1, () => 8))).toBe(8);
    expect(stock.statistics).toMatchObject({ hits: 0, loads: 4 });
    expect(stock.statistics.failures).toBeGreaterThanOrEqual(5);
    expect(reports).toMatchObject([{ source: 'cache "stock"', error: { code: 'CACHE_STORE_FAILED' } }]);
    expect(String(reports[0]?.error)).toMatch(message);
  });

  it('becomes a process warning with a code and a cause', async () => {
    unsubscribe(channelNames.backgroundError, onReport);
    const { store, stock } = open(new ToyStore(), { name: 'warned' });
    const cause = new Error('no');
    store.broken.read = () => Promise.reject(cause);
    const [warned] = await Promise.all([once(process, 'warning'), stock.getOrSet(1, () => 7)]);
    expect((warned as [Error])[0].message).toContain('(ToyStore) failed in read()');
    expect((warned as [Error])[0].message).toContain('Cause: Error: no');
    expect(warned).toMatchObject([
      { code: 'SLUICE_BACKGROUND_ERROR', cause: { code: 'CACHE_STORE_FAILED', cause: { message: 'no' } } },
    ]);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a word that it does not know', 'gone'],
    ['a value without its text', {}],
  ])('find: %s: nothing is found, and that is counted and reported', async (_, answer) => {
    const { store, stock } = open(new RichStore());
    store.broken.find = () => Promise.resolve(answer ?? null);
    if (answer === undefined) store.broken.find = () => (async () => {})();
    expect(await stock.get(1)).toBeUndefined();
    expect(stock.statistics).toMatchObject({ bypasses: 1, failures: 1 });
    expect(reports).toHaveLength(1);
  });

  it.each(['set', 'getOrSet', 'set in a transaction'])('write of %s: counted and reported', async (call) => {
    const { database, store, stock } = open(new ToyStore());
    store.broken.write = () => Promise.reject(new Error('no'));
    for (let turn = 0; turn < 2; turn += 1) {
      if (call === 'set') await stock.set(7, 1);
      else if (call === 'getOrSet') expect(await stock.getOrSet(1, () => 7)).toBe(7);
      else await database.transaction(() => stock.set(7, 1));
    }
    await until('both are counted', () => stock.statistics.failures === 2);
    expect(reports).toMatchObject([
      { source: 'cache "stock"', error: { code: 'CACHE_STORE_FAILED', cause: { message: 'no' } } },
    ]);
    store.broken.write = undefined;
    await stock.set(8, 1);
    expect(await stock.get(1)).toBe(8);
  });

  it('counts a write for the cache that has set the value', async () => {
    const { database, store, stock } = open(new ToyStore());
    const price = createCache<number, number>(database, { name: 'price', store });
    store.broken.write = () => Promise.reject(new Error('no'));
    await database.transaction(async () => {
      await stock.del(1);
      await price.set(5, 1);
    });
    await until('it is counted', () => price.statistics.failures === 1);
    expect(stock.statistics.failures).toBe(0);
  });

  it.each([
    ['undefined', () => undefined, /answered prepare\(\) with undefined/],
    ['null', () => Promise.resolve(null), /with null/],
    ['no stamps', () => ({}), /with "stamps" that are undefined/],
    ['too many stamps', () => ({ stamps: ['a', 'b', 'c'] }), /with 3 stamps for 1 tags/],
    ['a stamp that is no text', () => ({ stamps: [1] }), /with a stamp that is no text/],
    ['an epoch that is no text', () => ({ stamps: ['a'], epoch: 1 }), /with "epoch" that is the number 1/],
  ])('prepare: %s: the transaction is rolled back with what the store has to do', async (_, broken, message) => {
    const { database, store, stock } = open(new ToyStore());
    store.broken.prepare = broken;
    const failed = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await stock.set(7, 1);
      }),
    );
    expect(failed).toMatchObject({
      code: 'CACHE_UNAVAILABLE',
      retryable: false,
      cause: { code: 'CACHE_STORE_FAILED' },
    });
    expect(failed.message).toMatch(message);
    expect(failed.message).toContain('prepare() has to resolve with { stamps }: a new stamp for each tag');
    expect(await server.products()).toEqual([]);
    expect(stock.statistics.failures).toBe(1);
    expect(reports).toEqual([]);
  });

  it('lease: what is none lets each load for itself, and is reported', async () => {
    const { store, stock } = open(new RichStore());
    store.broken.lease = () => Promise.resolve(true);
    expect(await stock.getOrSet(1, () => 7)).toBe(7);
    store.broken.lease = () => Promise.resolve(() => Promise.reject(new Error('no')));
    expect(await stock.getOrSet(2, () => 7)).toBe(7);
    await until('both are counted', () => stock.statistics.failures === 2);
    expect(reports).toHaveLength(1);
  });

  it('commits what is set under tags whose state the store does not tell, and stores nothing of it', async () => {
    const { database, store, stock } = open(new ToyStore(), { tags: () => ['shelf'] });
    store.broken.read = () => Promise.reject(new Error('no'));
    await database.transaction(async () => {
      await insert(database, 1);
      await stock.set(7, 1);
    });
    expect(await server.products()).toEqual([1]);
    store.broken.read = undefined;
    await until('its locks have ended', async () => (await store.read('', ['stock/1'])).tags[0]?.isLocked === false);
    expect(await stock.get(1)).toBeUndefined();
  });

  it('is left to report its failures itself, if it says so, but not its wrong answers', async () => {
    const { store, stock } = open(Object.assign(new ToyStore(), { reportsFailures: true }));
    store.broken.read = () => Promise.reject(new Error('no'));
    expect(await stock.getOrSet(1, () => 7)).toBe(7);
    expect(stock.statistics.failures).toBeGreaterThan(0);
    expect(reports).toEqual([]);
    store.broken.read = () => Promise.resolve(undefined);
    expect(await stock.getOrSet(1, () => 7)).toBe(7);
    expect(reports).toHaveLength(1);
  });

  it('gives no copies while its feed throws or proves nothing', async () => {
    const feed = {
      provenAt: Number.POSITIVE_INFINITY,
      listen() {},
      prove: () => {
        throw new Error('no');
      },
    };
    const { store, stock } = open(Object.assign(new ToyStore(), { feed }), { memory: { max: 10 } });
    await stock.set(7, 1);
    expect(await stock.get(1)).toBe(7);
    expect(stock.peek(1)).toBe(7);
    feed.provenAt = Number.NaN;
    expect(stock.peek(1)).toBeUndefined();
    expect(await stock.get(1)).toBe(7);
    expect(stock.statistics.failures).toBeGreaterThan(0);
    expect(reports).toMatchObject([{ error: { code: 'CACHE_STORE_FAILED' } }]);
    expect(store.feed).toBe(feed);
  });
});

describe('a store that cannot do what a cache needs', () => {
  const refusal = (make: () => unknown): string => {
    try {
      make();
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
      return (error as Error).message;
    }
    throw new Error('it was taken');
  };
  const withName = (name: string | undefined): ToyStore => Object.assign(new ToyStore(), { name });
  const outbox = { name: 'stock', onCacheUnavailable: 'outbox' } as const;

  it.each([
    ['the default one', () => undefined, /got the default store, which is in this process alone/],
    ['one that is not shared', () => new MemoryStore(), /got the store MemoryStore, whose "isShared" is not true/],
    ['one without a name', () => withName(undefined), /got the store ToyStore without a usable "name"/],
    ['one with an empty name', () => withName(''), /without a usable "name"/],
  ])('outbox: %s is refused, for caches, models and relays', (_, make, message) => {
    const database = server.open();
    const store = make();
    expect(refusal(() => createCache(database, { ...outbox, store }))).toMatch(message);
    const definition = { table: 'product', key: 'id', cache: { entity: true, onCacheUnavailable: 'outbox', store } };
    expect(refusal(() => createModel(database, defineModel<{ id: number }>(definition as never)))).toMatch(message);
    if (store !== undefined) expect(refusal(() => createChangesRelay(database, { store }))).toMatch(message);
  });

  it('outbox: a second store of one name is refused, on one database', () => {
    const database = server.open();
    const store = withName('sales');
    createCache(database, { ...outbox, store });
    createCache(database, { ...outbox, name: 'price', store });
    createCache(database, { ...outbox, store: withName('others') });
    createCache(database, { name: 'price', store: withName('sales') });
    createCache(server.open(), { ...outbox, store: withName('sales') });
    expect(refusal(() => createCache(database, { ...outbox, store: withName('sales') }))).toMatch(
      /The cache "stock" with onCacheUnavailable: 'outbox' got a second store of one name.* the same store object, or/s,
    );
  });

  it('an incomplete one is refused with its class and what it lacks', () => {
    class HalfStore {
      read(): void {}
      write(): void {}
    }
    const database = server.open();
    const give = (store: unknown): string => refusal(() => createCache(database, { name: 'stock', store } as never));
    expect(give(new HalfStore())).toContain('HalfStore has no prepare() or release()');
    expect(give({ read() {} })).toContain('this one has no write(), prepare() or release()');
    expect(give(Object.assign(new ToyStore(), { find: 5 }))).toContain('whose "find" is a function, or left out');
  });

  it('memory: one without a feed that can be used is refused, whatever store it is', () => {
    const give = (feed: unknown): string =>
      refusal(() =>
        createCache(server.open(), {
          name: 'stock',
          memory: { max: 1 },
          store: Object.assign(new ToyStore(), { feed }),
        }),
      );
    expect(give(undefined)).toContain('Give a store with a "feed" (a RedisStore has one with a "subscriber")');
    expect(give({ listen() {} })).toContain('has no prove()');
    expect(give(null)).toContain('a store whose "feed" cannot be used');
  });
});

describe('a limit of entries', () => {
  it('takes no memory for entries that there are not', () => {
    const before = process.memoryUsage();
    const database = server.open();
    createCache(database, { name: 'stock', store: new MemoryStore(100_000_000), memory: { max: 100_000_000 } });
    const after = process.memoryUsage();
    const taken = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    expect(taken).toBeLessThan(20 * 2 ** 20);
  });

  it.each([0, -1, 1.5, Number.NaN, 100_000_001, '1', null])('of a MemoryStore is a whole number, not %s', (max) => {
    expect(() => new MemoryStore(max as never)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringContaining('new MemoryStore') as string,
      }),
    );
  });
});
