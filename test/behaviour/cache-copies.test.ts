import { describe, expect, it } from 'vitest';
import { type Cache, type CacheOptions, createCache, MemoryStore } from '../../src/cache/index.ts';
import { InvalidOptionError } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
class Declined extends Error {}

/** Counts what it is asked for. */
class CountedStore extends MemoryStore {
  reads = 0;
  readonly prepares: string[][] = [];
  releases = 0;

  override read(...args: Parameters<MemoryStore['read']>): ReturnType<MemoryStore['read']> {
    this.reads += 1;
    return super.read(...args);
  }
  override prepare(...args: Parameters<MemoryStore['prepare']>): ReturnType<MemoryStore['prepare']> {
    this.prepares.push([...args[1]].toSorted());
    return super.prepare(...args);
  }
  override release(...args: Parameters<MemoryStore['release']>): Promise<void> {
    this.releases += 1;
    return super.release(...args);
  }
}

interface Post {
  title: string;
  at?: Date;
}

function open(options: Partial<CacheOptions<Post, number>> = {}): {
  readonly database: ReturnType<typeof server.open>;
  readonly store: CountedStore;
  readonly post: Cache<Post, number>;
  readonly make: (name: string) => Cache<Post, number>;
} {
  const [database, store] = [server.open({ max: 4 }), new CountedStore()];
  const make = (name: string): Cache<Post, number> =>
    createCache(database, { name, store, memory: { max: 3 }, ...options });
  return { database, store, post: make('post'), make };
}

describe('copies in the process', () => {
  it('are given out without a look at the store, and cannot be changed', async () => {
    const { store, post } = open();
    await post.set({ title: 'a' }, 1);
    const first = await post.get(1);
    const { reads } = store;
    expect(await post.get(1)).toBe(await post.getOrSet(1, () => ({ title: 'b' })));
    expect(post.peek(1)).toEqual({ title: 'a' });
    expect(store.reads).toBe(reads);
    expect(Object.isFrozen(first)).toBe(true);
    expect(Object.isFrozen(await post.getOrSet(2, () => ({ title: 'loaded' })))).toBe(true);
    expect(post.statistics).toMatchObject({ hits: 3, misses: 1, copies: 1 });
  });

  it('are of their own for each taker where freezing does not protect them', async () => {
    const { post } = open();
    await post.set({ title: 'a', at: new Date(5) }, 1);
    for (let time = 0; time < 3; time += 1) {
      const got = await post.get(1);
      expect(got?.at).toEqual(new Date(5));
      got?.at?.setTime(9);
    }
    expect(post.statistics.copies).toBe(1);
  });

  it.each([
    ['set', (post: Cache<Post, number>) => post.set({ title: 'new' }, 1), 'new'],
    ['del', (post: Cache<Post, number>) => post.del(1), undefined],
    ['clear', (post: Cache<Post, number>) => post.clear(), undefined],
    ['invalidate', (post: Cache<Post, number>) => post.invalidate(['shelf']), undefined],
  ])(
    'are dead after %s, in every cache of the store, and with the commit in a transaction',
    async (_, change, then) => {
      const { database, post, make } = open({ tags: () => ['shelf'] });
      const other = make('post');
      const fill = async (): Promise<void> => {
        await post.set({ title: 'old' }, 1);
        for (const cache of [post, other]) expect(await cache.get(1)).toEqual({ title: 'old' });
        expect(other.peek(1)).toEqual({ title: 'old' });
      };
      await fill();
      await change(post);
      for (const cache of [post, other]) expect((await cache.get(1))?.title).toBe(then);
      await fill();
      await rejection(
        database.transaction(async () => {
          await change(post);
          throw new Declined();
        }),
      );
      expect(other.peek(1)).toEqual({ title: 'old' });
      await database.transaction(async () => {
        await change(post);
        expect((await post.get(1))?.title).toBe(then);
        expect(post.peek(1)).toBeUndefined();
        await database.switchDbIsolate(async () => expect(await other.get(1)).toEqual({ title: 'old' }));
      });
      for (const cache of [post, other]) expect((await cache.get(1))?.title).toBe(then);
    },
  );

  it('of a value that changes while it is fetched are not kept', async () => {
    const { store, post, make } = open();
    await make('post').set({ title: 'old' }, 1);
    const read = store.read.bind(store);
    store.read = async (...args) => {
      const found = await read(...args);
      store.read = read;
      await make('post').set({ title: 'new' }, 1);
      return found;
    };
    expect(await post.get(1)).toEqual({ title: 'old' });
    expect(post.peek(1)).toBeUndefined();
    expect(await post.get(1)).toEqual({ title: 'new' });
  });

  it('end with the time of their value, which no use extends', async () => {
    const { post } = open();
    await post.set({ title: 'a' }, 1, { ttl: 60 });
    const start = performance.now();
    await until('its time is over', async () => (await post.get(1)) === undefined);
    expect(performance.now() - start).toBeGreaterThan(50);
    expect(post.peek(1)).toBeUndefined();
  });

  it('are no more than "max", the last used', async () => {
    const { post } = open();
    for (const key of [1, 2, 3]) {
      await post.set({ title: String(key) }, key);
      await post.get(key);
    }
    await post.get(1);
    post.peek(2);
    await post.set({ title: '4' }, 4);
    await post.get(4);
    expect([1, 2, 3, 4].map((key) => post.peek(key)?.title)).toEqual(['1', undefined, '3', '4']);
    expect(post.statistics.copies).toBe(3);
  });

  it('need a store that tells of changes', () => {
    const { database } = open();
    const nothing = (): void => {};
    const deaf = { read: nothing, write: nothing, prepare: nothing, release: nothing } as never;
    expect(() => createCache(database, { name: 'x', store: deaf, memory: { max: 1 } })).toThrow(
      /does not report changes/,
    );
    for (const memory of [{}, { max: 0 }, { max: 1, maxStaleness: -1 }, 5] as never[])
      expect(() => createCache(database, { name: 'x', memory })).toThrow(InvalidOptionError);
  });
});

describe('the commit of a transaction that has touched caches', () => {
  it('announces all caches of a store in one trip before it and one after', async () => {
    const { database, store, post, make } = open();
    const other = make('other');
    await database.transaction(async () => {
      await database.current.query('select 1');
      await Promise.all([post.set({ title: 'a' }, 1), other.del(2), post.invalidate(['x'])]);
    });
    expect(store.prepares).toEqual([['#x', 'other/2', 'post/1']]);
    expect(store.releases).toBe(1);
  });

  it('tells the store nothing when it is rolled back, or only reads', async () => {
    const { database, store, post } = open();
    await database.transaction(() => post.get(1));
    await rejection(
      database.transaction(async () => {
        await post.set({ title: 'a' }, 1);
        throw new Declined();
      }),
    );
    expect([store.prepares.length, store.releases]).toEqual([0, 0]);
  });

  it('announces what hooks before the commit change, whenever they were registered', async () => {
    const { database, store, post, make } = open();
    const other = make('other');
    await post.set({ title: 'old' }, 2);
    store.prepares.length = 0;
    await database.transaction(async () => {
      database.current.beforeCommit(() => post.del(2));
      await post.del(1);
      database.current.beforeCommit(async () => {
        await other.del(3);
        database.current.beforeCommit(() => other.del(4));
      });
    });
    expect(store.prepares).toEqual([['other/3', 'other/4', 'post/1', 'post/2']]);
    expect(await post.get(2)).toBeUndefined();
  });
});
