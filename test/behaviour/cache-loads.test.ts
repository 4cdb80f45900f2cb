import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Cache,
  CacheLoadCircleError,
  CacheLoadTimeoutError,
  type CacheOptions,
  createCache,
  createChangesRelay,
  MemoryStore,
} from '../../src/cache/index.ts';
import { type Database, InvalidOptionError } from '../../src/index.ts';
import { createModel, defineModel } from '../../src/model/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();

/** A store that the processes share, and that can be away. */
class DistantStore extends MemoryStore {
  readonly isShared = true;
  readonly name = 'distant';
  isAway = false;
  readonly leases = new Set<string>();

  override read(...args: Parameters<MemoryStore['read']>): ReturnType<MemoryStore['read']> {
    return this.isAway ? Promise.reject(new Error('away')) : super.read(...args);
  }
  override write(...args: Parameters<MemoryStore['write']>): Promise<void> {
    return this.isAway ? Promise.reject(new Error('away')) : super.write(...args);
  }
  override prepare(...args: Parameters<MemoryStore['prepare']>): ReturnType<MemoryStore['prepare']> {
    return this.isAway ? Promise.reject(new Error('away')) : super.prepare(...args);
  }
  override release(...args: Parameters<MemoryStore['release']>): Promise<void> {
    return this.isAway ? Promise.reject(new Error('away')) : super.release(...args);
  }
  lease(key: string): Promise<(() => Promise<void>) | undefined> {
    if (this.isAway) return Promise.reject(new Error('away'));
    if (this.leases.has(key)) return Promise.resolve(undefined);
    this.leases.add(key);
    return Promise.resolve(() => Promise.resolve(void this.leases.delete(key)));
  }
}

function open(options: Partial<CacheOptions<number, number>> = {}): {
  readonly database: Database<'default'>;
  readonly store: DistantStore;
  readonly stock: Cache<number, number>;
  readonly elsewhere: Cache<number, number>;
} {
  const [database, store] = [server.open({ max: 4 }), new DistantStore()];
  const make = (): Cache<number, number> => createCache(database, { name: 'stock', store, ...options });
  return { database, store, stock: make(), elsewhere: make() };
}

async function stockOf(database: Database<'default'>): Promise<number> {
  const { rows } = await database.current.query<{ stock: number }>('select stock from product where id = 1');
  return rows[0]?.stock ?? -1;
}

describe('loads of several processes', () => {
  it('are one, which the others wait for', async () => {
    const { stock, elsewhere } = open();
    const mayEnd = signal();
    let loads = 0;
    const load = async (): Promise<number> => {
      loads += 1;
      await mayEnd.promise;
      return 7;
    };
    const asked = [stock, elsewhere].flatMap((cache) => [1, 2, 3].map(() => cache.getOrSet(1, load)));
    await until('one loads', () => loads === 1);
    mayEnd.fire();
    expect(await Promise.all(asked)).toEqual([7, 7, 7, 7, 7, 7]);
    expect(loads).toBe(1);
  });

  it('of two caches concern each other not, though their keys are the same', async () => {
    const { database, store, stock } = open();
    const price = createCache<number, number>(database, { name: 'price', store });
    const mayEnd = signal();
    const first = stock.getOrSet(1, () => mayEnd.promise.then(() => 7));
    await until('it has the right', () => store.leases.size === 1);
    // It has a right of its own, beside the other one.
    expect(await price.getOrSet(1, () => store.leases.size)).toBe(2);
    mayEnd.fire();
    expect(await first).toBe(7);
  });

  it('go on when the one that has failed gives its right back', async () => {
    const { store, stock, elsewhere } = open();
    const mayEnd = signal();
    const failing = stock.getOrSet(1, async () => {
      await mayEnd.promise;
      throw new Error('no');
    });
    await until('it has the right', () => store.leases.has('stock/1'));
    const waiting = elsewhere.getOrSet(1, () => 8);
    mayEnd.fire();
    expect((await rejection(failing)).message).toBe('no');
    expect(await waiting).toBe(8);
    expect(store.leases.size).toBe(0);
  });

  it('do not wait for what cannot be stored, since its tag is locked', async () => {
    const { store, stock } = open();
    await store.prepare('somebody', ['stock/1'], 60_000);
    store.leases.add('stock/1');
    expect(await stock.getOrSet(1, () => 9)).toBe(9);
    expect(await stock.get(1)).toBeUndefined();
  });
});

describe('a load that never ends', () => {
  const never = (): Promise<number> => new Promise(() => {});

  it('fails for who has begun it, and who waits for it loads for itself; other processes too', async () => {
    const { store, stock, elsewhere } = open({ loadTimeout: 50 });
    const hanging = rejection(stock.getOrSet(1, never));
    await until('it has begun', () => store.leases.has('stock/1'));
    let loads = 0;
    const load = (): number => (loads += 1);
    const waiting = [stock, stock, elsewhere, elsewhere].map((cache) => cache.getOrSet(1, load));
    const error = await hanging;
    expect(error).toBeInstanceOf(CacheLoadTimeoutError);
    expect(error).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    expect(error.message).toContain('"stock" took longer than 50 ms');
    expect(error.message).toContain('loadTimeout');
    expect(await Promise.all(waiting)).toEqual([1, 1, 1, 1]);
    expect(await stock.get(1)).toBe(1);
    expect(store.leases.size).toBe(0);
  });

  it('is heard of no more: what it gives late is not kept, and how it fails late is nobody’s', async () => {
    const { stock } = open({ loadTimeout: 50 });
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const late = [Promise.withResolvers<number>(), Promise.withResolvers<number>()] as const;
    await Promise.all(late.map(({ promise }, key) => rejection(stock.getOrSet(key, () => promise))));
    expect(await stock.getOrSet(0, () => 2)).toBe(2);
    late[0].resolve(1);
    late[1].reject(new Error('late'));
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(await stock.mget([0, 1])).toEqual([2, undefined]);
    expect(unhandled).toEqual([]);
  });

  it('is shared by others, who have one more load together', async () => {
    const { stock } = open({ loadTimeout: 50 });
    const begun = signal();
    const hang = (): Promise<number> => {
      begun.fire();
      return never();
    };
    const first = rejection(stock.getOrSet(1, hang));
    await begun.promise;
    // They come while it is under way, and share the next one.
    const leads = rejection(stock.getOrSet(1, never));
    let loads = 0;
    const share = Array.from({ length: 5 }, () => stock.getOrSet(1, () => (loads += 1)));
    expect([await first, await leads]).toMatchObject([{ code: 'CACHE_LOAD_TIMEOUT' }, { code: 'CACHE_LOAD_TIMEOUT' }]);
    expect(await Promise.all(share)).toEqual([1, 1, 1, 1, 1]);
    expect(loads).toBe(1);
  });

  it('ends for everybody where all of them hang, with few of them at once', async () => {
    const { stock } = open({ loadTimeout: 50 });
    let loads = 0;
    const load = (): Promise<number> => {
      loads += 1;
      return never();
    };
    const asked = await Promise.all(Array.from({ length: 50 }, () => rejection(stock.getOrSet(1, load))));
    expect(new Set(asked.map(({ code }) => code))).toEqual(new Set(['CACHE_LOAD_TIMEOUT']));
    expect(loads).toBe(3);
    expect(await stock.getOrSet(1, () => 4)).toBe(4);
  });

  it('keeps nobody from loading while the store is away', async () => {
    const { store, stock } = open({ loadTimeout: 50, loadsWhileAway: 1 });
    store.isAway = true;
    const hanging = rejection(stock.getOrSet(1, never));
    // Who waits longer than that for its turn has it no more.
    const others = [2, 3, 4].map((key) => stock.getOrSet(key, () => key));
    expect(await hanging).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    const ended = await Promise.allSettled(others);
    for (const [index, each] of ended.entries()) {
      if (each.status === 'fulfilled') expect(each.value).toBe(index + 2);
      else expect(each.reason).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    }
    expect(await Promise.all([5, 6, 7].map((key) => stock.getOrSet(key, () => key)))).toEqual([5, 6, 7]);
  });

  it('in a transaction is a concern of its own "timeout"', async () => {
    const { database, stock } = open({ loadTimeout: 50 });
    await database.transaction(async () => {
      const value = stock.getOrSet(1, async () => {
        // Longer than any load may take outside.
        await rejection(database.switchDbIsolate(() => stock.getOrSet(2, never)));
        return 1;
      });
      expect(await value).toBe(1);
    });
  });

  it('inside of another load fails that one', async () => {
    const { stock } = open({ loadTimeout: 50 });
    const outer = rejection(stock.getOrSet(1, () => stock.getOrSet(2, never)));
    expect(await outer).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    expect(await stock.getOrSet(1, () => stock.getOrSet(2, () => 3))).toBe(3);
  });
});

describe('loads that need each other', () => {
  it('do not wait in a circle', async () => {
    const { stock } = open();
    const begun = [signal(), signal()] as const;
    // Each needs the value that the other one loads, and asks for it when both are under way.
    const load = (at: 0 | 1) => async (): Promise<number> => {
      begun[at].fire();
      await begun[at === 0 ? 1 : 0].promise;
      return (await stock.getOrSet(at === 0 ? 1 : 0, () => 1)) + 1;
    };
    expect(await Promise.all([stock.getOrSet(0, load(0)), stock.getOrSet(1, load(1))])).toEqual([2, 2]);
  });
});

describe('a load that needs its own value', () => {
  /** Loads that need each other, of which it is noticed when they go on for long. */
  function circleOf(...caches: readonly Cache<number, number>[]): { ask: () => Promise<number>; loads: () => number } {
    let loads = 0;
    const value = async (at: number): Promise<number> =>
      (await caches[at % caches.length]?.getOrSet(1, async () => {
        loads += 1;
        if (loads > 100) throw new Error('it does not end');
        return await value(at + 1);
      })) ?? -1;
    return { ask: () => value(0), loads: () => loads };
  }

  it('is refused, by itself and through other caches, with the caches on the way', async () => {
    const { database, store, stock } = open();
    const price = createCache<number, number>(database, { name: 'price', store });
    const [alone, both] = [circleOf(stock), circleOf(stock, price)];
    const error = await rejection(alone.ask());
    expect(error).toBeInstanceOf(CacheLoadCircleError);
    expect(error).toMatchObject({ code: 'CACHE_LOAD_CIRCLE' });
    expect(error.message).toContain('"stock" → "stock"');
    expect((await rejection(both.ask())).message).toContain('"stock" → "price" → "stock"');
    expect([alone.loads(), both.loads()]).toEqual([1, 2]);
    expect(await stock.getOrSet(1, () => 5)).toBe(5);
    expect(store.leases.size).toBe(0);
  });

  it('is refused through two caches of one name on one store, and in the default store', async () => {
    const { database, stock, elsewhere } = open();
    expect(await rejection(circleOf(stock, elsewhere).ask())).toMatchObject({ code: 'CACHE_LOAD_CIRCLE' });
    const [price, tax] = ['price', 'tax'].map((name) => createCache<number, number>(database, { name }));
    expect(await rejection(circleOf(price as never, tax as never).ask())).toMatchObject({ code: 'CACHE_LOAD_CIRCLE' });
  });

  it('is refused in a transaction, in one that begins in the load, and while the store is away', async () => {
    const { database, store, stock } = open();
    await database.transaction(async () => {
      expect(await rejection(circleOf(stock).ask())).toMatchObject({ code: 'CACHE_LOAD_CIRCLE' });
    });
    let loads = 0;
    const nested = (): Promise<number> =>
      stock.getOrSet(1, () => {
        loads += 1;
        if (loads > 100) throw new Error('it does not end');
        return database.transaction(nested, { propagation: 'REQUIRES_NEW' });
      });
    expect(await rejection(nested())).toMatchObject({ code: 'CACHE_LOAD_CIRCLE' });
    store.isAway = true;
    expect(await rejection(circleOf(stock).ask())).toMatchObject({ code: 'CACHE_LOAD_CIRCLE' });
  });

  it('is refused with the caches of a model in between', async () => {
    const { database, stock } = open();
    const product = createModel(
      database,
      defineModel<{ id: number; stock: number }>({ table: 'product', key: 'id', cache: { entity: true, query: true } }),
    );
    await insert(database, 1);
    let loads = 0;
    const value = async (): Promise<number> =>
      await stock.getOrSet(1, async () => {
        loads += 1;
        if (loads > 100) throw new Error('it does not end');
        const [row, rows] = await Promise.all([product.get({ id: 1 }), product.select({ columns: ['id'] })]);
        return (row?.stock ?? 0) + rows.length + (await value());
      });
    expect(await rejection(value())).toMatchObject({ code: 'CACHE_LOAD_CIRCLE' });
    expect(loads).toBe(1);
  });

  it('is none where the value is there, the key is another one, or the load around has ended', async () => {
    const { stock } = open();
    const deep = (key: number): Promise<number> => stock.getOrSet(key, () => (key === 20 ? 7 : deep(key + 1)));
    expect(await deep(0)).toBe(7);
    await stock.clear();
    const found = await stock.getOrSet(1, async () => {
      await stock.set(8, 1);
      return await stock.getOrSet(1, () => 9);
    });
    expect(found).toBe(8);
    const [hasEnded, later] = [signal(), Promise.withResolvers<number>()];
    await stock.getOrSet(2, () => {
      void hasEnded.promise.then(async () => {
        await stock.del(2);
        later.resolve(await stock.getOrSet(2, () => 4));
      });
      return 3;
    });
    hasEnded.fire();
    expect(await later.promise).toBe(4);
  });
});

describe('whoever holds a connection', () => {
  itWith('several writers')('does not wait for a load of somebody who waits for that connection', async () => {
    const database = server.open({ max: 1, acquireTimeout: 3_000 });
    const stock = createCache<number, number>(database, { name: 'stock' });
    await insert(database, 1);
    const [mayAsk, begun] = [signal(), signal()];
    const load = (): Promise<number> => {
      begun.fire();
      return stockOf(database);
    };
    const outside = mayAsk.promise.then(() => stock.getOrSet(1, load));
    await database.transaction(async () => {
      await database.current.query('select 1 as one');
      mayAsk.fire();
      await begun.promise;
      expect(await database.switchDbIsolate(() => stock.getOrSet(1, load))).toBe(0);
    });
    expect(await outside).toBe(0);
  });
});

describe('while the store is away', () => {
  it('so many load at once, and what they need they load besides', async () => {
    const { store, stock } = open({ loadsWhileAway: 2 });
    store.isAway = true;
    let [running, most] = [0, 0];
    const load = async (): Promise<number> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      const inner = await stock.getOrSet(100, () => 1);
      running -= 1;
      return inner;
    };
    const keys = Array.from({ length: 9 }, (_, key) => key);
    expect(await Promise.all(keys.map((key) => stock.getOrSet(key, load)))).toEqual(keys.map(() => 1));
    expect(most).toBe(2);
    expect((await rejection(stock.getOrSet(1, () => Promise.reject(new Error('no'))))).message).toBe('no');
    expect(await stock.getOrSet(1, () => 3)).toBe(3);
  });
});

describe("with onCacheUnavailable: 'outbox'", () => {
  let opened: ReturnType<typeof open>;
  beforeEach(async () => {
    opened = open({ onCacheUnavailable: 'outbox', tags: () => ['shelf'] });
    await createOutboxTables(opened.database.current);
    await server.sql('delete from sluice_outbox');
  });
  afterEach(() => server.sql('delete from sluice_outbox'));

  it('a transaction commits while the store is away, and the store is told later', async () => {
    const { database, store, stock, elsewhere } = opened;
    await insert(database, 1);
    expect(await stock.getOrSet(1, () => stockOf(database))).toBe(0);
    store.isAway = true;
    await database.transaction(async () => {
      await database.current.query('update product set stock = 5 where id = 1');
      await stock.set(5, 1);
      expect(await stock.get(1)).toBe(5);
    });
    await stock.invalidate(['shelf']);
    expect(await stockOf(database)).toBe(5);
    const relay = createChangesRelay(database, { store });
    expect(await rejection(relay.drain())).toMatchObject({ code: 'RELAY_UNAVAILABLE' });
    store.isAway = false;
    // Nobody has told it yet.
    expect(await elsewhere.get(1)).toBe(0);
    await until('it was told', async () => (await relay.drain()) > 0);
    expect(await elsewhere.get(1)).toBeUndefined();
    expect(await elsewhere.getOrSet(1, () => stockOf(database))).toBe(5);
    await relay.drain();
    expect(await server.sql('select 1 from sluice_outbox')).toEqual([]);
  });

  it('one that is rolled back leaves nothing to be told', async () => {
    const { database, store, stock } = opened;
    store.isAway = true;
    await rejection(
      database.transaction(async () => {
        await stock.del(1);
        database.current.beforeCommit(() => Promise.reject(new Error('no')));
      }),
    );
    expect(await server.sql('select 1 from sluice_outbox')).toEqual([]);
  });

  it('needs a store that is shared', () => {
    const { database } = opened;
    expect(() => createChangesRelay(database, { store: new MemoryStore() })).toThrow(InvalidOptionError);
  });
});
