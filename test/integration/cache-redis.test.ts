import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { createClient, type RedisClientType } from 'redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cache, createCache, MemoryStore } from '../../src/cache/index.ts';
import type { IoRedisLike } from '../../src/cache/redis/client.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { channelNames, type Database } from '../../src/index.ts';
import { checkCache } from '../checkers/cache-checker.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { untilUsed } from '../support/redis-store.ts';
import { ownRedis } from '../support/redis-server.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase();
class Declined extends Error {}

async function stockOf(database: Database<'default'>): Promise<number> {
  const { rows } = await database.current.query<{ stock: number }>('select stock from product where id = 1');
  return rows[0]?.stock ?? -1;
}

await describeWith('Redis', 'caches that meet in Redis', () => {
  let redis: Redis;
  let nodeRedis: RedisClientType;
  const prefix = redisKeys(`cache-${randomUUID()}:`);

  beforeAll(async () => {
    redis = new Redis(redisUrl);
    redis.setMaxListeners(100);
    nodeRedis = createClient({ url: redisUrl });
    await nodeRedis.connect();
    // A store that meets a server for the first time waits until no lock can be left that it does not know of.
    const first = new RedisStore({ client: redis, prefix, commitTimeout: 100 });
    await untilUsed(first);
  });
  afterAll(async () => {
    await Promise.all([redis.quit(), nodeRedis.close()]);
  });

  function open(asNode = false): {
    database: Database<'default'>;
    here: Cache<number, number>;
    there: Cache<number, number>;
    /** Holds the next transaction of `here` up between its locks and its COMMIT. */
    holdCommit: () => { readonly prepared: Promise<void>; readonly goOn: () => void };
  } {
    const database = server.open({ max: 3 });
    const name = randomUUID();
    const [ours, theirs] = [1, 2].map(
      () => new RedisStore({ client: asNode ? nodeRedis : redis, prefix, timeout: 2_000 }),
    ) as [RedisStore, RedisStore];
    const make = (store: RedisStore): Cache<number, number> =>
      createCache(database, { name, commitTimeout: 10_000, store });
    const holdCommit = (): { prepared: Promise<void>; goOn: () => void } => {
      const [prepared, mayGoOn] = [signal(), signal()];
      const prepare = ours.prepare.bind(ours);
      ours.prepare = async (...args) => {
        const locked = await prepare(...args);
        prepared.fire();
        await mayGoOn.promise;
        return locked;
      };
      return { prepared: prepared.promise, goOn: mayGoOn.fire };
    };
    return { database, here: make(ours), there: make(theirs), holdCommit };
  }

  it.each([false, true])('a load that needs its own value is refused (node-redis: %s)', async (asNode) => {
    const { here } = open(asNode);
    const { here: other } = open(asNode);
    let loads = 0;
    const load = async (): Promise<number> => {
      loads += 1;
      if (loads > 50) throw new Error('it does not end');
      return await other.getOrSet(1, () => here.getOrSet(1, load));
    };
    expect(await rejection(here.getOrSet(1, load))).toMatchObject({ code: 'CACHE_LOAD_CIRCLE' });
    expect(loads).toBe(1);
    expect(await here.getOrSet(1, () => 5)).toBe(5);
  });

  it('3,000 random reads beside random writes: nothing stale, nothing uncommitted', { timeout: 60_000 }, async () => {
    const seed = 1 + Math.floor(Math.random() * 1e9);
    const result = await checkCache({
      database: server.open({ max: 12 }),
      approach: 'sluice',
      store: () => new RedisStore({ client: redis, prefix: `${prefix}checked:`, timeout: 5_000, commitTimeout: 100 }),
      checks: 3_000,
      seed,
    });
    expect({ ...result, seed }).toMatchObject({ stale: 0, uncommitted: 0, lostOwn: 0, first: undefined });
    expect(Math.min(result.hits, result.commits, result.rollbacks)).toBeGreaterThan(20);
  });

  it.each([false, true])(
    'give each other what is set, and lose what is changed, with node-redis: %s',
    async (asNode) => {
      const { here, there } = open(asNode);
      expect(await here.get(1)).toBeUndefined();
      await here.set(7, 1);
      await here.set(8, 2);
      expect(await there.mget([1, 2])).toEqual([7, 8]);
      await there.del(1);
      expect(await here.mget([1, 2])).toEqual([undefined, 8]);
      await here.clear();
      expect(await there.get(2)).toBeUndefined();
      await here.set(9, 1, { ttl: 30 });
      await until('its time is over', async () => (await there.get(1)) === undefined);
    },
  );

  it('read the database where Redis answers garbage, and quote none of it', async () => {
    const { here } = open();
    const told: unknown[] = [];
    const listener = (event: unknown): void => void told.push(event);
    subscribe(channelNames.backgroundError, listener);
    await here.set(7, 1);
    const key = `${prefix}value:${here.name}/1`;
    const stored = (await redis.get(key)) ?? '';
    const [head = ''] = stored.split('\n');
    expect(stored).toMatch(/\n\{"value":7\}$/);
    for (const garbage of ['', 'secret', '\n', `${head}\n`, `${head}\nsecret`, `${head} more\n{"value":666}`]) {
      await redis.set(key, garbage);
      expect(await here.get(1)).toBeUndefined();
    }
    expect(await here.getOrSet(1, () => 8)).toBe(8);
    expect(await here.get(1)).toBe(8);
    await redis.multi().del(key).hset(key, 'of', 'another kind').exec();
    expect(await here.getOrSet(1, () => 9)).toBe(9);
    unsubscribe(channelNames.backgroundError, listener);
    expect(told.length).toBeGreaterThan(1);
    expect(inspect(told, { depth: 9 })).not.toContain('secret');
  });

  it('go on with everything else where a tag is garbage, or the epoch', async () => {
    const { database, here } = open();
    await insert(database, 1);
    await here.set(7, 2);
    const tag = `${prefix}tag:${here.name}/1`;
    for (const garbage of ['', ' ', 'a b c', 'a secret 99999999999999999999', '\n']) {
      await redis.set(tag, garbage);
      expect(await here.getOrSet(1, () => stockOf(database))).toBe(0);
      await here.del(1);
    }
    await redis.multi().del(tag).hset(tag, 'of', 'another kind').exec();
    expect(await here.getOrSet(1, () => stockOf(database))).toBe(0);
    // A server that refuses a command is not away.
    expect(await here.get(2)).toBe(7);
    await here.del(1);
    await here.getOrSet(1, () => stockOf(database));
    expect(await here.get(1)).toBe(0);
    const epoch = `${prefix}epoch`;
    for (const garbage of ['', 'garbage', 'a b c']) {
      await redis.set(epoch, garbage);
      expect(await here.getOrSet(1, () => stockOf(database))).toBe(0);
    }
    // As a server that may have lost its locks: it is used again when none can be left.
    await redis.del(epoch);
    const quick = new RedisStore({ client: redis, prefix, commitTimeout: 100 });
    await untilUsed(quick);
    await here.getOrSet(1, () => stockOf(database));
    await until('it is kept again', async () => (await here.get(1)) === 0);
  });

  it.each([1, 700])(
    'keep the locks of each of several transactions that come in one moment, on %i tags',
    async (count) => {
      const store = new RedisStore({ client: redis, prefix, timeout: 5_000 });
      const of = randomUUID();
      const tags = Array.from({ length: count }, (_, index) => `${of}/${index}`);
      const isLocked = async (): Promise<boolean[]> => [
        ...new Set((await store.read('', tags)).tags.map((tag) => tag.isLocked)),
      ];
      await Promise.all(['one', 'two', 'three'].map((name) => store.prepare(name, tags, 10_000)));
      for (const name of ['three', 'one']) {
        await store.release(name, tags);
        expect(await isLocked()).toEqual([true]);
      }
      await store.release('two', tags);
      expect(await isLocked()).toEqual([false]);
    },
  );

  it('never give a tag an earlier stamp, though a client that lost its connection sends what it had sent again', async () => {
    const proxy = await startTcpProxy(redisUrl);
    const client = new Redis(proxy.url, { retryStrategy: () => 20 });
    client.on('error', () => {});
    const [ours, theirs] = [client, redis].map(
      (of) => new RedisStore({ client: of, prefix, timeout: 2_000, pause: 0 }),
    ) as [RedisStore, RedisStore];
    const [tag, key] = [randomUUID(), randomUUID()];
    const free = async (): Promise<string> => {
      let state: { readonly stamp: string; readonly isLocked: boolean } | undefined;
      await until('it is free', async () => {
        [state] = (await theirs.read('', [tag])).tags;
        return state?.isLocked === false;
      });
      return state?.stamp ?? '';
    };
    await client.ping();
    await ours.read(key, [tag]);
    // It has taken the lock, but never hears of it.
    proxy.cutAfter('one');
    const isCut = once(client, 'close').then(() => proxy.hold());
    await rejection(ours.prepare('one', [tag], 100));
    await isCut;
    await theirs.write({ key, stamps: [await free()], payload: 'old', ttl: 60_000 });
    await theirs.prepare('two', [tag], 10_000);
    await theirs.release('two', [tag]);
    proxy.goOn();
    await client.ping();
    await free();
    expect((await theirs.read(key, [tag])).stored).toBeUndefined();
    client.disconnect();
    await proxy.close();
  });

  it('ask with one command for what is asked for in one moment, and at once where one asks alone', async () => {
    const commands: string[] = [];
    const call: IoRedisLike['call'] = (command, ...args) => {
      commands.push(command);
      return redis.call(command, ...args);
    };
    const store = new RedisStore({ client: { call, on: redis.on.bind(redis) }, prefix, timeout: 5_000 });
    const find = (count: number): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, (_, index) => store.find(`${index}`, [`${index}`, 'all'])));
    await find(1);
    await find(1);
    commands.length = 0;
    const alone = find(1);
    expect(commands).toEqual(['MGET']);
    await alone;
    await find(10);
    for (const count of [10, 2, 2, 1]) {
      commands.length = 0;
      await find(count);
      expect(commands).toEqual(['MGET']);
    }
  });

  it('are as many on one client as one likes', () => {
    const before = redis.listenerCount('ready');
    const stores = Array.from({ length: 20 }, (_, at) => new RedisStore({ client: redis, prefix: `${prefix}${at}:` }));
    expect(new Set(stores.map(({ name }) => name)).size).toBe(20);
    expect(redis.listenerCount('ready')).toBeLessThanOrEqual(before + 1);
  });

  it('take one trip before the COMMIT and one after it, and none for a rollback', async () => {
    const proxy = await startTcpProxy(redisUrl);
    const client = new Redis(proxy.url);
    const database = server.open({ max: 3 });
    const store = new RedisStore({ client, prefix, timeout: 2_000 });
    const [one, other] = [1, 2].map(() =>
      createCache<number, number>(database, { name: randomUUID(), store, tags: () => ['shelf'] }),
    ) as [Cache<number, number>, Cache<number, number>];
    const change = async (): Promise<void> => {
      await insert(database, 1 + Math.floor(Math.random() * 1e9));
      await Promise.all([one.set(1, 1), one.del(2), other.set(3, 3), other.invalidate(['drawer'])]);
    };
    await database.transaction(change);
    // What is read comes after everything that the transaction has sent.
    await one.get(1);
    proxy.takeTrips();
    await database.transaction(change);
    let trips = 0;
    await until('it has gone there twice', () => (trips += proxy.takeTrips()) >= 2);
    expect(trips).toBe(2);
    await rejection(
      database.transaction(async () => {
        await change();
        throw new Declined();
      }),
    );
    await database.transaction(() => stockOf(database), { readOnly: true });
    expect(proxy.takeTrips()).toBe(0);
    client.disconnect();
    await proxy.close();
  });

  it('keep nobody waiting for the end of locks but a database that closes', async () => {
    const proxy = await startTcpProxy(redisUrl);
    const client = new Redis(proxy.url);
    const database = server.open({ max: 3 });
    const [store, other] = [client, redis].map((of) => new RedisStore({ client: of, prefix, timeout: 5_000 })) as [
      RedisStore,
      RedisStore,
    ];
    const [here, there] = [store, other].map((of) => createCache(database, { name: 'stock', store: of })) as [
      Cache<number, number>,
      Cache<number, number>,
    ];
    await here.set(1, 1);
    const prepare = store.prepare.bind(store);
    store.prepare = async (...args) => {
      const locked = await prepare(...args);
      proxy.hold();
      return locked;
    };
    await database.transaction(async () => {
      await insert(database, 1);
      await here.set(2, 1);
    });
    const found = here.get(1);
    let isClosed = false;
    const closing = database.close().then(() => (isClosed = true));
    await until('the locks have ended', async () => (await there.get(1)) === 2);
    // As long as one takes that nothing keeps.
    const another = server.open({ max: 3 });
    await another.current.query('select 1');
    await another.close();
    expect(isClosed).toBe(false);
    proxy.goOn();
    expect(await found).toBe(2);
    await closing;
    client.disconnect();
    await proxy.close();
  });

  it('find what this process has committed before, however much goes on', async () => {
    const { database, here } = open();
    const work = async (id: number): Promise<void> => {
      for (let value = 1; value <= 20; value += 1) {
        await database.transaction(async () => {
          await database.current.query('select 1');
          await here.set(value, id);
        });
        expect(await here.get(id)).toBe(value);
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, id) => work(id)));
  });

  it('read the database where Redis hangs, and refuse writers, each within its time', async () => {
    const proxy = await startTcpProxy(redisUrl);
    const hanging = new Redis(proxy.url);
    const database = server.open({ max: 3 });
    const store = new RedisStore({ client: hanging, prefix, timeout: 100, pause: 50 });
    const stock = createCache<number, number>(database, { name: randomUUID(), store });
    await insert(database, 1);
    expect(await stock.getOrSet(1, () => stockOf(database))).toBe(0);
    proxy.hold();
    const start = performance.now();
    expect(await stock.getOrSet(1, () => stockOf(database))).toBe(0);
    expect(await rejection(database.transaction(() => stock.set(5, 1)))).toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    expect(await rejection(stock.del(1))).toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    // Far from the ten seconds after which a test would fail: nothing waits for what does not come.
    expect(performance.now() - start).toBeLessThan(5_000);
    proxy.goOn();
    await until('it is used again', async () => {
      await stock.getOrSet(1, () => stockOf(database));
      return (await stock.get(1)) === 0;
    });
    hanging.disconnect();
    await proxy.close();
  });

  it('load for themselves when another process has a load that never ends, and the right to it', async () => {
    const database = server.open({ max: 3 });
    const name = randomUUID();
    const [here, there] = [1, 2].map(() => {
      const store = new RedisStore({ client: redis, prefix, timeout: 5_000 });
      return createCache<number, number>(database, { name, store, loadTimeout: 100 });
    }) as [Cache<number, number>, Cache<number, number>];
    const hanging = rejection(here.getOrSet(1, () => new Promise(() => {})));
    await until('it has the right', async () => (await redis.exists(`${prefix}lease:${name}/1`)) === 1);
    const waiting = Promise.all([1, 2, 3].map(() => there.getOrSet(1, () => 7)));
    expect(await hanging).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    expect(await waiting).toEqual([7, 7, 7]);
    await until('the right is given back', async () => (await redis.exists(`${prefix}lease:${name}/1`)) === 0);
    expect(await here.get(1)).toBe(7);
  });

  it('agree with the transaction: its commit, its rollback, and what is loaded in between', async () => {
    const { database, here, there, holdCommit } = open();
    await insert(database, 1);
    expect(await there.getOrSet(1, () => stockOf(database))).toBe(0);
    const { prepared, goOn } = holdCommit();
    const writing = database.transaction(async () => {
      await database.current.query('update product set stock = 5 where id = 1');
      await here.set(5, 1);
      expect(await here.get(1)).toBe(5);
    });
    await prepared;
    expect(await there.get(1)).toBeUndefined();
    expect(await there.getOrSet(1, () => stockOf(database))).toBe(0);
    goOn();
    await writing;
    expect(await here.get(1)).toBe(5);
    expect(await there.get(1)).toBe(5);
    await rejection(
      database.transaction(async () => {
        await here.set(6, 1);
        throw new Declined();
      }),
    );
    expect(await there.get(1)).toBe(5);
  });

  it('have PostgreSQL refuse the COMMIT of a process that was stopped after it had taken its locks', async () => {
    const database = server.open({ max: 2 });
    const store = new RedisStore({ client: redis, prefix, timeout: 5_000 });
    const stock = createCache<number, number>(database, { name: randomUUID(), commitTimeout: 4_000, store });
    // As a process that was stopped; the server does not know the difference.
    const slow = new MemoryStore();
    slow.prepare = () => new Promise((resolve) => setTimeout(resolve, 2_500, { stamps: [] }));
    const other = createCache<number, number>(database, { name: randomUUID(), store: slow });
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await stock.set(1, 1);
        await other.set(1, 1);
      }),
    );
    expect(error).toMatchObject({ code: 'CACHE_UNAVAILABLE', cause: { code: '22012' } });
    expect(await server.products()).toEqual([]);
    expect(await stock.get(1)).toBeUndefined();
    expect(database.stats().clients.default.idle).toBe(1);
  });
});

const own = await ownRedis();
if (own === undefined) {
  it.skip('a Redis that is stopped and started', () => {});
} else {
  const events: unknown[] = [];
  const note = (event: unknown): void => void events.push(event);
  afterAll(async () => {
    unsubscribe(channelNames.backgroundError, note);
    await own.stop();
  });

  it('a Redis that is away: reads go to the database, writers are refused; a new one is not used at once', async () => {
    subscribe(channelNames.backgroundError, note);
    const redis = new Redis(own.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    redis.on('error', () => {});
    const database = server.open({ max: 3 });
    const store = new RedisStore({ client: redis, timeout: 200, pause: 50, commitTimeout: 300 });
    const stock = createCache<number, number>(database, { name: 'stock', store, commitTimeout: 300 });
    await insert(database, 1);
    await until('Redis is used', async () => {
      await stock.getOrSet(1, () => stockOf(database));
      return (await stock.get(1)) === 0;
    });
    await own.stop();
    expect(await stock.get(1)).toBeUndefined();
    expect(await stock.getOrSet(1, () => stockOf(database))).toBe(0);
    const error = await rejection(
      database.transaction(async () => {
        await database.current.query('update product set stock = 1 where id = 1');
        await stock.del(1);
      }),
    );
    expect(error).toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    expect(await stockOf(database)).toBe(0);
    expect(events.length).toBeGreaterThan(0);
    await own.start();
    await until('it answers', async () => (await redis.ping()) === 'PONG');
    await until('the store uses it again', async () =>
      store.read('', ['t']).then(
        () => true,
        () => false,
      ),
    );
    // It has lost the locks of whoever was committing.
    expect((await store.read('', ['t'])).tags).toMatchObject([{ isLocked: true }]);
    await untilUsed(store, 't');
    await until('it is cached again', async () => {
      await stock.getOrSet(1, () => stockOf(database));
      return (await stock.get(1)) === 0;
    });
    redis.disconnect();
    await own.stop();
  });

  const harms = [
    [
      'is started anew',
      async () => {
        await own.stop();
        await own.start();
      },
    ],
    [
      'is emptied',
      async () => {
        const client = new Redis(own.url);
        await client.flushall();
        client.disconnect();
      },
    ],
  ] as const;

  it.each(harms)(
    'a Redis that %s between the locks and the COMMIT: what is read in between is not kept',
    async (_, harm) => {
      await own.stop();
      await own.start();
      const clients = [
        new Redis(own.url, { retryStrategy: () => 20 }),
        new Redis(own.url, { retryStrategy: () => 20 }),
      ];
      for (const client of clients) client.on('error', () => {});
      const database = server.open({ max: 3 });
      const options = { timeout: 5_000, pause: 10, commitTimeout: 2_000 };
      const [here, there] = clients.map((client) => new RedisStore({ client, ...options })) as [RedisStore, RedisStore];
      const make = (store: RedisStore): Cache<number, number> =>
        createCache(database, { name: 'stock', store, commitTimeout: 2_000 });
      const [writer, reader] = [make(here), make(there)];
      await insert(database, 1);
      const load = (): Promise<number> => stockOf(database);
      await until('it is cached', async () => {
        await reader.getOrSet(1, load);
        return (await reader.get(1)) === 0;
      });
      const prepare = here.prepare.bind(here);
      let wasHeld = 0;
      here.prepare = async (...args) => {
        const locked = await prepare(...args);
        await harm();
        // Whoever reads in the meantime, as often as it likes.
        await until('the reader uses it', async () => {
          const found = await there.read('', ['t']).catch(() => undefined);
          return found !== undefined;
        });
        expect(await database.switchDbIsolate(() => reader.getOrSet(1, load))).toBe(0);
        expect(await database.switchDbIsolate(() => reader.getOrSet(1, load))).toBe(0);
        wasHeld += 1;
        return locked;
      };
      // As a writer that is lost after its COMMIT: nobody tells the server.
      here.release = () => Promise.reject(new Error('lost'));
      await sellAll(database, writer);
      expect(wasHeld).toBe(1);
      expect(await reader.get(1)).toBeUndefined();
      await until('it is cached again', async () => {
        expect(await reader.getOrSet(1, load)).toBe(5);
        return (await reader.get(1)) === 5;
      });
      for (const client of clients) client.disconnect();
    },
  );

  it('a Redis that is emptied unnoticed: nothing is stored with stamps that it has made since', async () => {
    await own.stop();
    await own.start();
    const client = new Redis(own.url, { retryStrategy: () => 20 });
    client.on('error', () => {});
    await client.ping();
    let isEmptied = true;
    const call: IoRedisLike['call'] = async (command, ...args) => {
      if (command === 'EVALSHA' && !isEmptied) {
        isEmptied = true;
        await client.flushall();
      }
      return await client.call(command, ...args);
    };
    const store = new RedisStore({
      client: { call, on: client.on.bind(client) },
      timeout: 5_000,
      pause: 0,
      commitTimeout: 300,
    });
    const isUsed = (): Promise<void> => untilUsed(store, 'known');
    await isUsed();
    isEmptied = false;
    expect((await store.read('k', ['new'])).tags).toMatchObject([{ isLocked: true }]);
    await isUsed();
    isEmptied = false;
    expect((await store.prepare('one', ['known'], 100)).stamps).toEqual([]);
    // It has noticed now, but others may be committing without their locks.
    expect((await store.prepare('two', ['known'], 100)).stamps).toEqual([]);
    await isUsed();
    expect((await store.prepare('three', ['known'], 100)).stamps).toHaveLength(1);
    await store.release('three', ['known']);
    await client.flushall();
    const other = new RedisStore({ client, timeout: 5_000, commitTimeout: 300 });
    await other.prepare('four', ['known'], 100);
    await other.release('four', ['known']);
    expect((await store.read('k', ['known'])).tags).toMatchObject([{ isLocked: true }]);
    client.disconnect();
  });

  it('a Redis that comes back with what it had an hour ago gives no answer to who had asked before', async () => {
    await own.stop();
    await own.start();
    const proxy = await startTcpProxy(own.url);
    const [client, direct] = [proxy.url, own.url].map((url) => new Redis(url, { retryStrategy: () => 20 })) as [
      Redis,
      Redis,
    ];
    for (const each of [client, direct]) each.on('error', () => {});
    await Promise.all([client.ping(), direct.ping()]);
    const [ours, theirs] = [client, direct].map(
      (of) => new RedisStore({ client: of, timeout: 5_000, pause: 0, commitTimeout: 100 }),
    ) as [RedisStore, RedisStore];
    let stamps: string[] = [];
    await until('it is used', async () => {
      const [state] = (await theirs.read('', ['t'])).tags;
      stamps = [state?.stamp ?? ''];
      return state?.isLocked === false;
    });
    await theirs.write({ key: 'k', stamps, payload: 'old', ttl: 3_600_000 });
    expect((await ours.read('k', ['t'])).stored).toMatchObject({ payload: 'old' });
    const keys = await direct.keys('*');
    const texts = await direct.mget(keys);
    // What has changed since is lost with the server.
    await theirs.prepare('change', ['t'], 100);
    await theirs.release('change', ['t']);
    proxy.cutAfter('value:k');
    const isCut = once(client, 'close').then(() => proxy.hold());
    const asked = ours.read('k', ['t']);
    await isCut;
    await own.stop();
    await own.start();
    await direct.mset(keys.flatMap((key, index) => [key, texts[index] ?? '']));
    proxy.goOn();
    expect((await asked).stored).toBeUndefined();
    for (const each of [client, direct]) each.disconnect();
    await proxy.close();
  });
}

async function sellAll(database: Database<'default'>, cache: Cache<number, number>): Promise<void> {
  await database.transaction(async () => {
    await database.current.query('update product set stock = 5 where id = 1');
    await cache.del(1);
  });
}
