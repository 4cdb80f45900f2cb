import { isDeepStrictEqual } from 'node:util';
import { Cluster, type Redis } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import type { Database } from '../../src/index.ts';
import { checkCache } from '../checkers/cache-checker.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { ownRedisCluster } from '../support/redis-cluster.ts';
import { untilUsed } from '../support/redis-store.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const own = await ownRedisCluster();
class Declined extends Error {}

describe.skipIf(own === undefined)('caches that meet in a Redis Cluster', () => {
  const clients: Cluster[] = [];
  const commitTimeout = 300;

  function connect(): Cluster {
    const client = new Cluster([...(own?.nodes ?? [])]);
    clients.push(client);
    return client;
  }

  async function open(): Promise<RedisStore> {
    const store = new RedisStore({ client: connect(), timeout: 5_000, commitTimeout });
    await untilUsed(store);
    return store;
  }

  const epochs = async (client: Cluster): Promise<unknown[]> =>
    await Promise.all(client.nodes('master').map((node: Redis) => node.get('sluice:epoch').catch(() => undefined)));

  beforeAll(async () => {
    // Waits until no lock can be left that it does not know of, as with a server that is met for the first time.
    await open();
  });
  afterAll(async () => {
    for (const client of clients) client.disconnect();
    await own?.stop();
  });

  async function pair(): Promise<[Database<'default'>, Cache<number, number>, Cache<number, number>]> {
    const database = server.open({ max: 3 });
    const [here, there] = (await Promise.all([open(), open()])).map((store) =>
      createCache<number, number>(database, { name: 'stock', commitTimeout, store, tags: (key) => [`of ${key % 3}`] }),
    ) as [Cache<number, number>, Cache<number, number>];
    return [database, here, there];
  }

  it('have one life of it in all processes, whichever server each asks first', async () => {
    const [client] = clients as [Cluster];
    const before = await epochs(client);
    expect(before.filter((epoch) => typeof epoch === 'string')).toHaveLength(1);
    for (let process = 0; process < 8; process += 1) await open();
    expect(await epochs(client)).toEqual(before);
  });

  it('give each other what is set, and lose what is changed, on all its servers', async () => {
    const [database, here, there] = await pair();
    const keys = Array.from({ length: 30 }, (_, key) => key);
    await database.transaction(async () => {
      await insert(database, 1);
      for (const key of keys) await here.set(key * 10, key);
    });
    // Each server ends its locks in its own time.
    const values = keys.map((key) => key * 10);
    await until('all of it is there', async () => isDeepStrictEqual(await there.mget(keys), values));
    await rejection(
      database.transaction(async () => {
        await there.mdel(keys);
        throw new Declined();
      }),
    );
    expect(await here.mget(keys)).toEqual(values);
    await database.transaction(async () => {
      await insert(database, 2);
      await there.mdel([0, 1, 2]);
    });
    expect(await here.mget([0, 1, 2, 3])).toEqual([undefined, undefined, undefined, 30]);
    await there.invalidate(['of 1']);
    expect(await here.mget([3, 4, 5])).toEqual([30, undefined, 50]);
    await there.clear();
    expect(await here.mget([3, 5])).toEqual([undefined, undefined]);
  });

  it('are refused with a cluster of node-redis, which takes its commands in another way', () => {
    const client = createCluster({ rootNodes: (own?.nodes ?? []).map((socket) => ({ socket })) });
    expect(() => new RedisStore({ client: client as never })).toThrow(/for a cluster the Cluster of ioredis/);
  });

  it('2,000 random reads beside random writes: nothing stale, nothing uncommitted', { timeout: 60_000 }, async () => {
    const seed = 1 + Math.floor(Math.random() * 1e9);
    const result = await checkCache({
      database: server.open({ max: 12 }),
      approach: 'sluice',
      store: () =>
        new RedisStore({ client: clients[0] ?? connect(), prefix: 'checked:', timeout: 5_000, commitTimeout: 100 }),
      checks: 2_000,
      seed,
    });
    expect({ ...result, seed }).toMatchObject({ stale: 0, uncommitted: 0, lostOwn: 0, first: undefined });
    expect(Math.min(result.hits, result.commits, result.rollbacks)).toBeGreaterThan(20);
  });
});
