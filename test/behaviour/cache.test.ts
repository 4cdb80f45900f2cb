import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import {
  type Cache,
  type CacheOptions,
  type CacheStore,
  createCache,
  defineCache,
  MemoryStore,
  type TagState,
} from '../../src/cache/index.ts';
import type { Clock } from '../../src/core/index.ts';
import { channelNames, type Database } from '../../src/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { startWireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase();
const nested = { propagation: 'NESTED' } as const;
class Declined extends Error {}

/** Time that passes only when it is told to. */
class ManualClock implements Clock {
  #now = 0;
  now(): number {
    return this.#now;
  }
  setTimer(): never {
    throw new Error('nothing here waits');
  }
  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** Two caches that share a store, as in two processes. */
function open(options: Partial<CacheOptions<number, number>> = {}): {
  database: Database<'default'>;
  stock: Cache<number, number>;
  elsewhere: Cache<number, number>;
} {
  const database = server.open({ max: 4 });
  const store = options.store ?? new MemoryStore();
  const make = (): Cache<number, number> => createCache(database, { name: 'stock', ...options, store });
  return { database, stock: make(), elsewhere: make() };
}

/** A store whose commands can be held up. */
class HeldStore implements CacheStore {
  readonly #store = new MemoryStore();
  before: Partial<Record<'read' | 'write' | 'prepare' | 'release', () => Promise<void>>> = {};
  #prepared: (() => Promise<void>) | undefined;

  /** Holds the next transaction up between its locks and its COMMIT. */
  holdCommit(): { readonly prepared: Promise<unknown>; readonly goOn: () => void } {
    const [prepared, mayGoOn] = [signal(), signal()];
    this.#prepared = async () => {
      this.#prepared = undefined;
      prepared.fire();
      await mayGoOn.promise;
    };
    return { prepared: prepared.promise, goOn: mayGoOn.fire };
  }

  async read(key: string, tags: readonly string[]): ReturnType<CacheStore['read']> {
    await this.before.read?.();
    return await this.#store.read(key, tags);
  }
  async write(...args: Parameters<CacheStore['write']>): Promise<void> {
    await this.before.write?.();
    await this.#store.write(...args);
  }
  async prepare(...args: Parameters<CacheStore['prepare']>): ReturnType<CacheStore['prepare']> {
    await this.before.prepare?.();
    const locked = await this.#store.prepare(...args);
    await this.#prepared?.();
    return locked;
  }
  async release(...args: Parameters<CacheStore['release']>): Promise<void> {
    await this.before.release?.();
    await this.#store.release(...args);
  }
}

async function stockOf(database: Database<'default'>, id: number): Promise<number> {
  const { rows } = await database.current.query<{ stock: number }>('select stock from product where id = $1', [id]);
  return rows[0]?.stock ?? -1;
}
const sell = (database: Database<'default'>): Promise<unknown> =>
  database.current.query('update product set stock = stock + 1 where id = 1');

describe('a cache outside of a transaction', () => {
  it('keeps values, gives them to all, and forgets them', async () => {
    const { stock, elsewhere } = open();
    expect(await stock.get(1)).toBeUndefined();
    await stock.set(7, 1);
    await stock.set(8, 2);
    expect(await elsewhere.mget([1, 2, 3])).toEqual([7, 8, undefined]);
    await elsewhere.del(1);
    expect(await stock.mget([1, 2])).toEqual([undefined, 8]);
    await stock.set(9, 1);
    await stock.clear();
    expect(await elsewhere.mget([1, 2])).toEqual([undefined, undefined]);
    await stock.set(1, 1);
    await stock.mdel([1, 2]);
    expect(await stock.get(1)).toBeUndefined();
  });

  it('gives a hit the types of a miss', async () => {
    const database = server.open();
    const cache = createCache<unknown>(database, { name: 'any' });
    const values = [
      {
        at: new Date(5),
        big: 12n,
        list: [new Date(0), null],
        nothing: undefined,
        $date: 5,
        deep: { $bigint: 'x', $escaped: [] },
      },
      JSON.parse('{"__proto__":{"admin":true}}'),
      { bytes: Buffer.from('a\0ß'), map: new Map([[1n, { $date: 1 }]]), set: new Set([new Date(3)]) },
      [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, new Date(Number.NaN)],
      'text',
      0,
      null,
      undefined,
      [],
    ];
    for (const [key, value] of values.entries()) {
      const loaded = await cache.getOrSet(key, () => value);
      expect(loaded).toEqual(value);
      expect(await cache.get(key)).toEqual(value);
    }
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('uses a value no longer than its ttl, however often it is read', async () => {
    const clock = new ManualClock();
    const { stock } = open({ store: new MemoryStore(10, clock), ttl: 1_000 });
    await stock.set(7, 1);
    await stock.set(8, 2, { ttl: 2_000 });
    for (let step = 0; step < 9; step += 1) {
      clock.pass(100);
      expect(await stock.get(1)).toBe(7);
    }
    clock.pass(101);
    expect(await stock.mget([1, 2])).toEqual([undefined, 8]);
  });

  it('drops the longest unused where there are too many', async () => {
    const { stock } = open({ store: new MemoryStore(2) });
    await stock.set(1, 1);
    await stock.set(2, 2);
    await stock.get(1);
    await stock.set(3, 3);
    expect(await stock.mget([1, 2, 3])).toEqual([1, undefined, 3]);
  });

  it('loads once for many who ask at once, and gives each a value of its own', async () => {
    const cache = createCache<{ list: number[] }>(server.open(), { name: 'lists' });
    let loads = 0;
    const load = async (): Promise<{ list: number[] }> => {
      loads += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { list: [loads] };
    };
    const first = cache.getOrSet('k', load);
    const others = await Promise.all(Array.from({ length: 24 }, () => cache.getOrSet('k', load)));
    others[0]?.list.push(99);
    expect((await first).list).toEqual([1]);
    expect(others[1]?.list).toEqual([1]);
    expect(loads).toBe(1);
  });

  it('joins nobody to a load that began before it asked', async () => {
    const { database, stock } = open();
    await insert(database, 1);
    const [reading, mayGoOn] = [signal(), signal()];
    const early = stock.getOrSet(1, async () => {
      const value = await stockOf(database, 1);
      reading.fire();
      await mayGoOn.promise;
      return value;
    });
    await reading.promise;
    await database.transaction(async () => {
      await sell(database);
      await stock.del(1);
    });
    const late = stock.getOrSet(1, () => stockOf(database, 1));
    mayGoOn.fire();
    expect(await early).toBe(0);
    expect(await late).toBe(1);
    expect(await stock.get(1)).toBe(1);
  });

  it('a load that fails fails those who wait for it, and stores nothing', async () => {
    const { stock } = open();
    const failing = (): Promise<number> => Promise.reject(new Declined());
    const results = await Promise.allSettled([stock.getOrSet(1, failing), stock.getOrSet(1, failing)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await stock.getOrSet(1, () => 5)).toBe(5);
  });

  it('counts what it does', async () => {
    const { database, stock } = open();
    await stock.getOrSet(1, () => 1);
    await stock.getOrSet(1, () => 2);
    await stock.get(2);
    await database.transaction(async () => {
      await stock.set(3, 1);
      await stock.get(1);
      await stock.del(1);
      await stock.getOrSet(1, () => 4);
    });
    expect(stock.statistics).toEqual({ hits: 2, misses: 2, bypasses: 1, loads: 2, failures: 0, copies: 0 });
  });

  it('forgets the tags that nobody asks for, but no lock', async () => {
    const store = new MemoryStore(2);
    const stateOf = async (tag: string): Promise<TagState | undefined> => (await store.read('', [tag])).tags[0];
    const before = await stateOf('unused');
    const { stamps } = await store.prepare('committing', ['locked'], 60_000);
    for (let other = 0; other < 100; other += 1) await stateOf(`other ${other}`);
    expect(await stateOf('locked')).toEqual({ stamp: stamps[0], isLocked: true });
    expect((await stateOf('unused'))?.stamp).not.toBe(before?.stamp);
  });

  it('invalidates by the tags that values depend on', async () => {
    const { stock, elsewhere } = open({ tags: (id) => [`warehouse:${id % 2}`] });
    for (const id of [1, 2, 3]) await stock.set(id, id);
    await elsewhere.invalidate(['warehouse:1']);
    expect(await stock.mget([1, 2, 3])).toEqual([undefined, 2, undefined]);
  });
});

describe('a cache in a transaction', () => {
  it('shows what it sets to itself alone until the commit, and to all afterwards', async () => {
    const { database, stock, elsewhere } = open();
    await stock.set(1, 1);
    await database.transaction(async () => {
      await insert(database, 1);
      await stock.set(2, 1);
      expect(await stock.get(1)).toBe(2);
      expect(await database.switchDbIsolate(() => elsewhere.get(1))).toBe(1);
    });
    expect(await elsewhere.get(1)).toBe(2);
  });

  it('holds after a rollback what it held', async () => {
    const { database, stock } = open();
    await stock.set(1, 1);
    await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await stock.set(2, 1);
        await stock.set(3, 2);
        await stock.del(1);
        await stock.clear();
        throw new Declined();
      }),
    );
    expect(await stock.mget([1, 2])).toEqual([1, undefined]);
  });

  it('keeps what is set after everything was invalidated, and nothing from before', async () => {
    const { database, stock, elsewhere } = open({ tags: () => ['warehouse'] });
    await database.transaction(async () => {
      await insert(database, 1);
      await stock.set(1, 1);
      await stock.set(2, 2);
      await stock.clear();
      expect(await stock.mget([1, 2])).toEqual([undefined, undefined]);
      await stock.set(3, 2);
      expect(await stock.get(2)).toBe(3);
    });
    expect(await elsewhere.mget([1, 2])).toEqual([undefined, 3]);
    await database.transaction(async () => {
      await insert(database, 2);
      await stock.set(4, 1);
      await stock.invalidate(['warehouse']);
      await stock.set(5, 2);
      expect(await stock.mget([1, 2])).toEqual([undefined, 5]);
    });
    expect(await elsewhere.mget([1, 2])).toEqual([undefined, 5]);
  });

  it('takes one trip to the store before the commit, and one after', async () => {
    const store = new HeldStore();
    const { database, stock } = open({ store });
    let gate = signal();
    const begun: string[] = [];
    for (const command of ['read', 'write', 'prepare', 'release'] as const) {
      store.before[command] = async () => {
        begun.push(command);
        await gate.promise;
      };
    }
    const work = database.transaction(async () => {
      await insert(database, 1);
      await stock.set(1, 1);
      await stock.set(2, 2);
    });
    await until('all of the first trip has begun', () => begun.length === 2);
    expect(begun.splice(0).toSorted()).toEqual(['prepare', 'read']);
    const first = gate;
    gate = signal();
    first.fire();
    await until('all of the second trip has begun', () => begun.length === 3);
    expect(begun.toSorted()).toEqual(['release', 'write', 'write']);
    gate.fire();
    await work;
    expect(begun).toHaveLength(3);
  });

  it('of 10,000 changed keys makes one change of the whole cache', async () => {
    const store = new HeldStore();
    const { database, stock, elsewhere } = open({ store });
    const prepared: number[] = [];
    const spy = store.prepare.bind(store);
    store.prepare = async (transaction, tags, ...rest) => {
      prepared.push(tags.length);
      return await spy(transaction, tags, ...rest);
    };
    await elsewhere.set(1, 1);
    await elsewhere.set(1, 20_000);
    await database.transaction(async () => {
      await insert(database, 1);
      for (let key = 0; key < 10_000; key += 1) await stock.set(2, key);
      // Nothing of it is kept, and nothing old is shown.
      expect(await stock.mget([1, 9_999])).toEqual([undefined, undefined]);
    });
    expect(prepared).toEqual([1, 1, 1]);
    expect(await elsewhere.mget([1, 9_999, 20_000])).toEqual([undefined, undefined, undefined]);
  });

  it('drops what a savepoint has set with it, and keeps what its parent has', async () => {
    const { database, stock } = open();
    await database.transaction(async () => {
      await insert(database, 1);
      await stock.set(1, 1);
      await database.transaction(async () => {
        await stock.set(2, 2);
        expect(await stock.mget([1, 2])).toEqual([1, 2]);
      }, nested);
      await rejection(
        database.transaction(async () => {
          await stock.set(9, 1);
          await stock.del(2);
          expect(await stock.mget([1, 2])).toEqual([9, undefined]);
          throw new Declined();
        }, nested),
      );
      expect(await stock.mget([1, 2])).toEqual([1, 2]);
    });
    expect(await stock.mget([1, 2])).toEqual([1, 2]);
  });

  it('a savepoint that is rolled back before anything else was done leaves the commit in order', async () => {
    const { database, stock } = open();
    await stock.set(1, 1);
    await database.transaction(async () => {
      await rejection(
        database.transaction(async () => {
          await stock.set(9, 1);
          throw new Declined();
        }, nested),
      );
      await stock.set(2, 2);
    });
    // What was touched in between is read anew.
    expect(await stock.mget([1, 2])).toEqual([undefined, 2]);
  });

  it('reads the database itself for what it has changed', async () => {
    const { database, stock } = open();
    await insert(database, 1);
    expect(await stock.getOrSet(1, () => stockOf(database, 1))).toBe(0);
    await database.transaction(async () => {
      await sell(database);
      await stock.del(1);
      expect(await stock.getOrSet(1, () => stockOf(database, 1))).toBe(1);
    });
    expect(await stock.getOrSet(1, () => stockOf(database, 1))).toBe(1);
  });

  it('stores nothing that is not committed: a load after a write stays with the transaction', async () => {
    const { database, stock } = open();
    await insert(database, 1);
    await rejection(
      database.transaction(async () => {
        await sell(database);
        // The program forgot to say that it changes this.
        expect(await stock.getOrSet(1, () => stockOf(database, 1))).toBe(1);
        throw new Declined();
      }),
    );
    expect(await stock.get(1)).toBeUndefined();
  });

  itWith('several writers')('never shows a snapshot what is newer than it', async () => {
    const { database, stock } = open();
    await insert(database, 1);
    await database.transaction(
      async () => {
        expect(await stockOf(database, 1)).toBe(0);
        await database.switchDbIsolate(() =>
          database.transaction(async () => {
            await sell(database);
            await stock.set(1, 1);
          }),
        );
        expect(await stock.get(1)).toBeUndefined();
        expect(await stock.getOrSet(1, () => stockOf(database, 1))).toBe(0);
      },
      { isolationLevel: 'SNAPSHOT' },
    );
    // And what it has read did not take the place of what is newer.
    expect(await stock.get(1)).toBe(1);
  });

  it('asks for nothing where nothing was touched', async () => {
    const store = new HeldStore();
    const asked: string[] = [];
    for (const name of ['read', 'write', 'prepare', 'release'] as const) {
      store.before[name] = async () => void asked.push(name);
    }
    const { database, stock } = open({ store });
    await database.transaction(() => insert(database, 1));
    await rejection(
      database.transaction(async () => {
        await stock.set(1, 1);
        throw new Declined();
      }),
    );
    expect(asked).toEqual([]);
    await database.transaction(() => stock.set(1, 1));
    expect(asked).toEqual(['read', 'prepare', 'write', 'release']);
  });

  it('is whole before a commit hook runs: what the hook loads is stored', async () => {
    const { database, stock } = open();
    let loads = 0;
    const load = (): number => (loads += 1);
    await stock.set(0, 1);
    await database.transaction(async () => {
      await stock.del(1);
      database.current.commit(() => stock.getOrSet(1, load));
    });
    expect(await stock.getOrSet(1, load)).toBe(1);
    expect(loads).toBe(1);
  });

  it('leaves no lock of a transaction that was ended while its locks were taken', async () => {
    const store = new HeldStore();
    const { database, stock } = open({ store });
    const [asked, mayLock, released] = [signal(), signal(), signal()];
    store.before.prepare = async () => {
      asked.fire();
      await mayLock.promise;
    };
    store.before.release = async () => released.fire();
    const work = database.transaction(() => stock.del(1), { timeout: 100 });
    const failed = rejection(work);
    await asked.promise;
    expect(await failed).toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    mayLock.fire();
    await released.promise;
    await until('it is stored', async () => {
      await stock.getOrSet(1, () => 5);
      return (await stock.get(1)) === 5;
    });
  });

  it('is rolled back where its locks were taken too late, and leaves none of them', async () => {
    const store = new HeldStore();
    const { database, stock } = open({ store, commitTimeout: 200 });
    await insert(database, 1);
    store.before.prepare = async () => {
      const start = performance.now();
      await until('half of its time is over', () => performance.now() > start + 110);
    };
    const released = signal();
    store.before.release = async () => released.fire();
    const failed = rejection(
      database.transaction(async () => {
        await sell(database);
        await stock.del(1);
      }),
    );
    expect(await failed).toMatchObject({
      code: 'CACHE_UNAVAILABLE',
      cause: { message: 'It took longer than half of the commitTimeout of 200 ms' },
    });
    await released.promise;
    expect(await stockOf(database, 1)).toBe(0);
    expect(await stock.getOrSet(1, () => 0)).toBe(0);
    expect(await stock.get(1)).toBe(0);
  });

  it('asks for nothing where the body returns after its transaction was ended', async () => {
    const store = new HeldStore();
    const { database, stock } = open({ store });
    const asked: string[] = [];
    for (const name of ['prepare', 'release'] as const) store.before[name] = async () => void asked.push(name);
    const [mayReturn, returns] = [signal(), signal()];
    const work = database.transaction(
      async () => {
        await stock.del(1);
        await mayReturn.promise;
        returns.fire();
      },
      { timeout: 100 },
    );
    expect(await rejection(work)).toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    mayReturn.fire();
    await returns.promise;
    // Whatever follows the body without waiting for a server has run by then.
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toEqual([]);
  });

  it('belongs to the transaction of the handle that it is given', async () => {
    const { database, stock } = open();
    const db = database.getDb({ clientName: 'default' });
    await rejection(
      db.transaction.begin(async () => {
        await stock.set(1, 1, { db });
        throw new Declined();
      }),
    );
    expect(await stock.get(1)).toBeUndefined();
  });
});

describe('what comes between', () => {
  itWith('several writers')('a reader during the commit reads the database, and stores nothing', async () => {
    const store = new HeldStore();
    const { database, stock, elsewhere } = open({ store });
    await insert(database, 1);
    await stock.set(0, 1);
    const { prepared, goOn } = store.holdCommit();
    const writing = database.transaction(async () => {
      await sell(database);
      await stock.set(1, 1);
    });
    await prepared;
    expect(await elsewhere.get(1)).toBeUndefined();
    expect(await elsewhere.getOrSet(1, () => stockOf(database, 1))).toBe(0);
    goOn();
    await writing;
    expect(await elsewhere.get(1)).toBe(1);
  });

  itWith('several writers')('what a reader loads during the commit is not there after it', async () => {
    const store = new HeldStore();
    const { database, stock, elsewhere } = open({ store });
    await insert(database, 1);
    const { prepared, goOn } = store.holdCommit();
    const writing = database.transaction(async () => {
      await sell(database);
      await stock.del(1);
    });
    await prepared;
    expect(await elsewhere.getOrSet(1, () => stockOf(database, 1))).toBe(0);
    goOn();
    await writing;
    expect(await elsewhere.getOrSet(1, () => stockOf(database, 1))).toBe(1);
  });

  itWith('several writers')('a value that is set while one of its tags is being changed is not kept', async () => {
    const store = new HeldStore();
    const { database, stock } = open({ tags: () => ['warehouse'], store });
    const { prepared, goOn } = store.holdCommit();
    const moving = database.transaction(async () => {
      await insert(database, 1);
      await stock.invalidate(['warehouse']);
    });
    await prepared;
    // It knows nothing yet of what is being committed.
    await database.transaction(() => stock.set(5, 1));
    goOn();
    await moving;
    expect(await stock.get(1)).toBeUndefined();
  });

  itWith('wire proxy')('a COMMIT of which nobody knows the outcome leaves its locks', async () => {
    const proxy = await startWireProxy(server.url);
    const store = new MemoryStore();
    const database = server.open({ connectionString: proxy.url });
    const stock = createCache<number, number>(database, { name: 'stock', store });
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await stock.set(1, 1);
        proxy.cutAfter('COMMIT');
      }),
    );
    expect(error).toMatchObject({ code: 'COMMIT_UNKNOWN' });
    expect((await store.read('', ['stock/1'])).tags).toMatchObject([{ isLocked: true }]);
    await proxy.close();
  });

  it('a load that began before a commit is dead when it arrives', async () => {
    const { database, stock, elsewhere } = open();
    await insert(database, 1);
    const [read, mayStore] = [signal(), signal()];
    const slow = elsewhere.getOrSet(1, async () => {
      const value = await stockOf(database, 1);
      read.fire();
      await mayStore.promise;
      return value;
    });
    await read.promise;
    await database.transaction(async () => {
      await sell(database);
      await stock.del(1);
    });
    mayStore.fire();
    expect(await slow).toBe(0);
    expect(await stock.get(1)).toBeUndefined();
  });

  it('what two transactions set for one key is what the later one has set, or nothing', async () => {
    const { database, stock } = open();
    await insert(database, 1);
    await Promise.all(
      Array.from({ length: 20 }, () =>
        database.transaction(async () => {
          await sell(database);
          await stock.set(await stockOf(database, 1), 1);
        }),
      ),
    );
    expect([20, undefined]).toContain(await stock.get(1));
    expect(await stock.getOrSet(1, () => stockOf(database, 1))).toBe(20);
  });

  it('a lock that was lost makes what was stored meanwhile worthless', async () => {
    const clock = new ManualClock();
    const store = new MemoryStore(100, clock);
    const { stamps } = await store.prepare('slow', ['t'], 100);
    const [stamp = ''] = stamps;
    clock.pass(101);
    const { tags } = await store.read('k', ['t']);
    expect(tags).toEqual([{ stamp, isLocked: false }]);
    await store.write({ key: 'k', stamps: [stamp], payload: 'old', ttl: 1_000 });
    await store.release('slow', ['t']);
    expect((await store.read('k', ['t'])).tags[0]?.stamp).not.toBe(stamp);
  });

  it('a store that fails before the commit rolls the transaction back; after it, it is reported', async () => {
    const store = new HeldStore();
    const { database, stock } = open({ store });
    const down = (): Promise<never> => Promise.reject(new Error('the store is down'));
    store.before.prepare = down;
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await stock.set(1, 1);
      }),
    );
    expect(error).toMatchObject({ code: 'CACHE_UNAVAILABLE', cause: { message: 'the store is down' } });
    expect(await server.products()).toEqual([]);
    store.before = { release: down };
    await database.transaction(async () => {
      await insert(database, 2);
      await stock.set(2, 2);
    });
    expect(await server.products()).toEqual([2]);
    expect(await stock.get(2)).toBeUndefined();
  });
});

describe('bad input', () => {
  it('keys are never mistaken for each other', async () => {
    const cache = createCache<string>(server.open(), { name: 'keys' });
    const keys = [
      '1',
      1,
      1n + 1n,
      'a:b',
      ['a', 'b'],
      ['a,b'],
      'a,b',
      'sa',
      ['a', null],
      '__proto__',
      ' ',
      '',
      '\ud800',
      'ä'.repeat(1_000),
      'k'.repeat(10_000),
      `${'k'.repeat(9_999)}l`,
    ];
    for (const [index, key] of keys.entries()) await cache.set(String(index), key);
    for (const [index, key] of keys.entries()) expect(await cache.get(key)).toBe(String(index));
  });

  it.each([[{}], [[]], [Number.NaN], [undefined], [[{}]], [null]])('a key that is none is refused: %j', async (key) => {
    const cache = createCache(server.open(), { name: 'keys' });
    expect(await rejection(cache.get(key as never))).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('a key larger than 10 kB is refused', async () => {
    const cache = createCache(server.open(), { name: 'keys' });
    expect(await rejection(cache.get('x'.repeat(10_240)))).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it.each([0, -5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '60'])(
    'a ttl that is none is refused: %s',
    async (ttl) => {
      const cache = createCache<number, number>(server.open(), { name: 'ttl' });
      const options = { ttl: ttl as number };
      let loads = 0;
      expect(await rejection(cache.set(1, 1, options))).toMatchObject({ code: 'INVALID_OPTION' });
      expect(await rejection(cache.getOrSet(1, () => (loads += 1), options))).toMatchObject({ code: 'INVALID_OPTION' });
      expect(loads).toBe(0);
    },
  );

  it.each([5, '', null, 'x'.repeat(20_000)])('a tag that is none is refused', async (tag) => {
    const cache = createCache<number, number>(server.open(), { name: 'tags', tags: () => [tag as string] });
    for (const call of [() => cache.invalidate([tag as string]), () => cache.get(1), () => cache.set(1, 1)])
      expect(await rejection(call())).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('a value over the limit is refused, and the transaction may go on', async () => {
    const database = server.open();
    const cache = createCache<string>(database, { name: 'texts', maxSize: 100 });
    await database.transaction(async () => {
      await insert(database, 1);
      expect(await rejection(cache.set('x'.repeat(101), 1))).toMatchObject({ code: 'CACHE_VALUE_TOO_LARGE' });
    });
    expect(await server.products()).toEqual([1]);
  });

  it('a value over the limit that was loaded is given, each time anew, and is told of', async () => {
    const told: unknown[] = [];
    const listener = (event: unknown): void => void told.push((event as { error: { code: string } }).error.code);
    subscribe(channelNames.backgroundError, listener);
    const cache = createCache<string>(server.open(), { name: 'texts', maxSize: 100 });
    for (let time = 0; time < 2; time += 1) expect(await cache.getOrSet(1, () => 'x'.repeat(101))).toHaveLength(101);
    unsubscribe(channelNames.backgroundError, listener);
    expect(cache.statistics).toMatchObject({ loads: 2, hits: 0, failures: 2 });
    expect(told).toEqual(['CACHE_VALUE_TOO_LARGE', 'CACHE_VALUE_TOO_LARGE']);
  });

  it.each([[{}], [{ name: '' }], [{ name: 'x', ttl: 0 }], [{ name: 'x', nonsense: 1 }]])(
    'options that cannot be are refused: %j',
    (options) => {
      expect(() => defineCache(options as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    },
  );
});
