import { expect, it } from 'vitest';
import { type Cache, type CacheOptions, type CacheStore, createCache } from '../../src/cache/index.ts';
import type { Database } from '../../src/index.ts';
import { rolledBack } from '../../src/testing/index.ts';
import { insert, itWith, type TestDatabase } from './database.ts';
import { rejection, signal, until } from './settled.ts';

const readCommitted = { isolationLevel: 'READ_COMMITTED' } as const;
const nested = { propagation: 'NESTED' } as const;
class Declined extends Error {}

/** A store that several caches share, and what is in it. */
export interface GivenStore {
  readonly store: CacheStore;
  /** All that it has, which no test may change. */
  readonly contents: () => Promise<unknown>;
}

interface Opened {
  readonly database: Database<'default'>;
  readonly cache: Cache<number, string>;
  /** Another cache of the same values. */
  readonly other: Cache<number, string>;
  readonly contents: () => Promise<unknown>;
  readonly count: () => Promise<number>;
  readonly loads: () => number;
}

/** What caches do in a test that is rolled back, on whatever store. */
export function cachesInTests(server: TestDatabase, give: () => Promise<GivenStore>): void {
  let made = 0;
  async function open(options: Partial<CacheOptions<number, string>> = {}): Promise<Opened> {
    const database = server.open({ max: 6 });
    const { store, contents } = await give();
    made += 1;
    const settings: CacheOptions<number, string> = { name: `tested-${made}`, store, ...options };
    let loads = 0;
    return {
      database,
      cache: createCache<number, string>(database, settings),
      other: createCache<number, string>(database, settings),
      contents,
      async count() {
        loads += 1;
        const { rows } = await database.current.query<{ n: number }>('select count(*) as n from product');
        return Number(rows[0]?.n);
      },
      loads: () => loads,
    };
  }

  it('keeps what is loaded in the test for the test', async () => {
    const { database, cache, other, count, contents } = await open();
    const before = await contents();
    await rolledBack(database, async () => {
      await insert(database, 1);
      expect(await cache.getOrSet('k', count)).toBe(1);
      expect(await cache.get('k')).toBe(1);
      expect(await other.getOrSet('k', count)).toBe(1);
      expect(await cache.mget(['k', 'none'])).toEqual([1, undefined]);
    });
    expect(await contents()).toEqual(before);
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', count)).toBe(0);
  });

  itWith('weaker isolation')('loads once in the test, in its transactions and outside of them', async () => {
    const { database, cache, count, loads } = await open();
    await rolledBack(
      database,
      async () => {
        await insert(database, 1);
        await database.transaction(() => cache.getOrSet('k', count), readCommitted);
        await database.transaction(() => cache.getOrSet('k', count), readCommitted);
        await cache.getOrSet('k', count);
        expect(loads()).toBe(1);
      },
      readCommitted,
    );
    expect(await cache.get('k')).toBeUndefined();
  });

  it('loads once for many who ask at once', async () => {
    const { database, cache, count, loads } = await open();
    await rolledBack(database, async () => {
      await insert(database, 1);
      const all = [1, 2, 3].map(() => cache.getOrSet('k', count));
      expect(await Promise.all(all)).toEqual([1, 1, 1]);
      expect(loads()).toBe(1);
    });
  });

  it('keeps what is set and deleted outside of a transaction', async () => {
    const { database, cache, other, contents } = await open();
    await cache.set(1, 'a');
    await cache.set(2, 'b');
    const before = await contents();
    await rolledBack(database, async () => {
      expect(await cache.mget(['a', 'b'])).toEqual([1, 2]);
      await cache.set(77, 'a');
      await cache.set(78, 'c');
      expect(await other.mget(['a', 'b', 'c'])).toEqual([77, 2, 78]);
      await cache.mdel(['b', 'c']);
      expect(await other.mget(['a', 'b', 'c'])).toEqual([77, undefined, undefined]);
      await cache.clear();
      expect(await other.mget(['a', 'b', 'c'])).toEqual([undefined, undefined, undefined]);
    });
    expect(await contents()).toEqual(before);
    expect(await cache.mget(['a', 'b', 'c'])).toEqual([1, 2, undefined]);
  });

  it('shows later reads what an inner transaction has committed, and nothing of one that was rolled back', async () => {
    const { database, cache, other, contents } = await open();
    await cache.set(1, 'k');
    const before = await contents();
    await rolledBack(
      database,
      async () => {
        await database.transaction(async () => {
          await cache.set(77, 'k');
          expect(await cache.get('k')).toBe(77);
          await rejection(
            database.transaction(async () => {
              await cache.set(78, 'k');
              expect(await cache.get('k')).toBe(78);
              throw new Declined();
            }, nested),
          );
          await database.transaction(() => cache.set(5, 'nested'), nested);
          expect(await cache.mget(['k', 'nested'])).toEqual([77, 5]);
        });
        expect(await other.mget(['k', 'nested'])).toEqual([77, 5]);
        await rejection(
          database.transaction(async () => {
            await cache.mdel(['k', 'nested']);
            await cache.set(3, 'third');
            throw new Declined();
          }),
        );
        expect(await other.mget(['k', 'nested', 'third'])).toEqual([77, 5, undefined]);
        await database.transaction(() => cache.del('k'));
        expect(await other.get('k')).toBeUndefined();
      },
      readCommitted,
    );
    expect(await contents()).toEqual(before);
    expect(await cache.mget(['k', 'nested', 'third'])).toEqual([1, undefined, undefined]);
  });

  it('has tags that are dead in the test alone', async () => {
    const { database, cache, contents } = await open({ tags: (key) => [`shelf:${key[0] ?? ''}`] });
    await cache.set(1, 'a1');
    await cache.set(2, 'b1');
    const before = await contents();
    await rolledBack(database, async () => {
      await cache.set(3, 'a2');
      await database.transaction(() => cache.invalidate(['shelf:a']));
      expect(await cache.mget(['a1', 'a2', 'b1'])).toEqual([undefined, undefined, 2]);
      await cache.invalidate(['shelf:b']);
      expect(await cache.get('b1')).toBeUndefined();
      await cache.set(4, 'a1');
      expect(await cache.get('a1')).toBe(4);
    });
    expect(await contents()).toEqual(before);
    expect(await cache.mget(['a1', 'a2', 'b1'])).toEqual([1, undefined, 2]);
  });

  itWith('several writers')('is as if each of parallel tests had a cache of its own', async () => {
    const { database, cache, count, contents } = await open();
    const before = await contents();
    let arrived = 0;
    const all = signal();
    const test = async (id: number): Promise<void> => {
      await insert(database, id);
      if (id > 1) await database.transaction(() => insert(database, id + 10));
      expect(await cache.getOrSet('k', count)).toBe(id > 1 ? 2 : 1);
      await database.transaction(() => cache.set(id, 'set'));
      arrived += 1;
      if (arrived === 3) all.fire();
      await all.promise;
      expect(await cache.get('set')).toBe(id);
      expect(await cache.getOrSet('k', count)).toBe(id > 1 ? 2 : 1);
    };
    await Promise.all([1, 2, 3].map((id) => rolledBack(database, () => test(id), readCommitted)));
    expect(await contents()).toEqual(before);
    expect(await cache.mget(['k', 'set'])).toEqual([undefined, undefined]);
  });

  itWith('several writers')('sees in the test what was really committed since', async () => {
    const { database, cache, other, count, loads } = await open();
    await rolledBack(
      database,
      async () => {
        expect(await cache.getOrSet('k', count)).toBe(0);
        const really = (): Promise<void> =>
          database.transaction(
            async () => {
              await insert(database, 1);
              await other.del('k');
            },
            { propagation: 'REQUIRES_NEW' },
          );
        await database.transaction(really, readCommitted);
        expect(await cache.getOrSet('k', count)).toBe(1);
        expect(loads()).toBe(2);
      },
      readCommitted,
    );
    // A commit that was real has told the store itself.
    await rolledBack(database, async () => {
      await database.transaction(() => database.transaction(() => other.set(9, 'k'), { propagation: 'REQUIRES_NEW' }));
      expect(await cache.get('k')).toBe(9);
    });
    expect(await cache.get('k')).toBe(9);
  });

  it('is as ever for a database that is not rolled back', async () => {
    const { database, cache } = await open();
    const second = await open();
    await rolledBack(database, async () => {
      await second.cache.set(5, 'k');
      await cache.set(6, 'k');
      expect(await second.cache.get('k')).toBe(5);
    });
    expect([await second.cache.get('k'), await cache.get('k')]).toEqual([5, undefined]);
  });

  it('lets who holds a connection of another transaction wait for the load of no one else', async () => {
    const { database, cache } = await open();
    const second = server.open();
    await rolledBack(database, async () => {
      const [begun, mayEnd] = [signal(), signal()];
      const slow = cache.getOrSet('k', async () => {
        begun.fire();
        await mayEnd.promise;
        return 1;
      });
      await begun.promise;
      expect(await second.transaction(() => cache.getOrSet('k', () => 2))).toBe(2);
      mayEnd.fire();
      expect(await slow).toBe(1);
    });
  });

  it('runs hooks that see what was committed in the test', async () => {
    const { database, cache } = await open();
    const seen: (number | undefined)[] = [];
    await rolledBack(
      database,
      async () => {
        await database.transaction(async () => {
          database.current.commit(async () => {
            seen.push(await cache.get('k'));
            await cache.set(3, 'hook');
          });
          await cache.set(2, 'k');
        });
        expect(seen).toEqual([2]);
        expect(await cache.get('hook')).toBe(3);
      },
      { commitHooks: 'run' },
    );
    expect(await cache.mget(['k', 'hook'])).toEqual([undefined, undefined]);
  });

  it('knows what the transaction itself has written, and not the test around it', async () => {
    const { database, cache } = await open();
    const written = (): boolean | undefined => database.current.transaction.active?.hasWritten;
    await rolledBack(
      database,
      async () => {
        await insert(database, 1);
        await database.transaction(async () => {
          expect(written()).toBe(false);
          await database.transaction(() => insert(database, 2), nested);
          expect(written()).toBe(true);
          // What it has read may be its own, and may yet be rolled back.
          expect(await cache.getOrSet('k', () => 5)).toBe(5);
        });
        expect(await cache.get('k')).toBeUndefined();
        await database.transaction(() => expect(written()).toBe(false));
      },
      readCommitted,
    );
  });

  it('keeps what is left running after the test from the store', async () => {
    const { database, cache, contents } = await open();
    const before = await contents();
    const mayGoOn = signal();
    let late: Promise<unknown> | undefined;
    await rolledBack(database, () => {
      late = mayGoOn.promise.then(() => cache.set(1, 'late'));
    });
    mayGoOn.fire();
    await late;
    expect(await contents()).toEqual(before);
    expect(await cache.get('late')).toBeUndefined();
  });
}

/** What copies in the memory of the process do in a test that is rolled back. */
export function copiesInTests(server: TestDatabase, give: () => Promise<GivenStore>): void {
  it('has copies of the test in the test, and those from before it afterwards', async () => {
    const database = server.open({ max: 4 });
    const { store, contents } = await give();
    const settings = { name: 'copied', store, memory: { max: 100, maxStaleness: 2_000 } };
    const cache = createCache<number, string>(database, settings);
    const other = createCache<number, string>(database, settings);
    const copy = async (key: string): Promise<number | undefined> => {
      await until('there is a copy', async () => (await cache.get(key)) !== undefined && cache.peek(key) !== undefined);
      return cache.peek(key);
    };
    await cache.set(1, 'k');
    expect(await copy('k')).toBe(1);
    const before = await contents();
    await rolledBack(database, async () => {
      await database.transaction(() => cache.set(77, 'k'));
      expect([cache.peek('k'), await cache.get('k')]).toEqual([undefined, 77]);
      expect(await copy('k')).toBe(77);
      await other.del('k');
      expect([cache.peek('k'), await cache.get('k')]).toEqual([undefined, undefined]);
      await cache.set(78, 'l');
      expect(await copy('l')).toBe(78);
    });
    expect(cache.peek('k')).toBe(1);
    expect([await cache.get('k'), cache.peek('l'), await cache.get('l')]).toEqual([1, undefined, undefined]);
    expect(await contents()).toEqual(before);
  });

  it('has no copy in the test of what was replaced by a commit that is real', async () => {
    const database = server.open({ max: 4 });
    const { store } = await give();
    const settings = { name: 'copied-really', store, memory: { max: 100, maxStaleness: 2_000 } };
    const cache = createCache<number, string>(database, settings);
    await rolledBack(database, async () => {
      await cache.set(78, 'l');
      await until('there is a copy', async () => (await cache.get('l')) !== undefined && cache.peek('l') === 78);
      const really = { propagation: 'REQUIRES_NEW' } as const;
      await database.transaction(() => database.transaction(() => cache.del('l'), really));
      expect([cache.peek('l'), await cache.get('l')]).toEqual([undefined, undefined]);
    });
  });
}
