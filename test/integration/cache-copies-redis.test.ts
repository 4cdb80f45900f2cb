import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/cache/index.ts';
import { RedisStore, type RedisStoreOptions } from '../../src/cache/redis/index.ts';
import { createContextCarrier, type Database, InvalidOptionError } from '../../src/index.ts';
import { createJobs, defineQueue } from '../../src/queue/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { untilUsed } from '../support/redis-store.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { signal, until } from '../support/settled.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase();

await describeWith('Redis', 'copies in the processes of what is in Redis', () => {
  const prefix = redisKeys(`copies-${randomUUID()}:`);
  const closes: (() => unknown)[] = [];
  let writing: Redis;

  beforeAll(async () => {
    writing = new Redis(redisUrl);
    const first = new RedisStore({ client: writing, prefix, commitTimeout: 100 });
    await untilUsed(first);
  });
  afterAll(async () => {
    for (const close of closes) await close();
    await writing.quit();
  });

  /** A cache that writes, and one as in another process, which hears of changes through a proxy. */
  async function open(options: { maxStaleness?: number; asNode?: boolean } = {}): Promise<{
    readonly database: Database<'default'>;
    readonly here: Cache<number, number>;
    readonly there: Cache<number, number>;
    readonly proxy: TcpProxy;
    readonly stock: () => Promise<number>;
  }> {
    const database = server.open({ max: 3 });
    const proxy = await startTcpProxy(redisUrl);
    const name = randomUUID();
    const clients = await connect(proxy.url, options.asNode);
    const base = { prefix, timeout: 5_000 };
    const { maxStaleness = 100 } = options;
    const here = createCache<number, number>(database, { name, store: new RedisStore({ ...base, client: writing }) });
    const store = new RedisStore({ ...base, ...clients });
    const there = createCache<number, number>(database, { name, store, memory: { max: 100, maxStaleness } });
    closes.push(() => proxy.close());
    await insert(database, 1);
    await here.getOrSet(1, () => stock());
    await until('there is a copy', async () => (await there.get(1)) === 0 && there.peek(1) === 0);
    async function stock(): Promise<number> {
      const { rows } = await database.current.query<{ stock: number }>('select stock from product where id = 1');
      return rows[0]?.stock ?? -1;
    }
    return { database, here, there, proxy, stock };
  }

  async function connect(proxied: string, asNode = false): Promise<Pick<RedisStoreOptions, 'client' | 'subscriber'>> {
    if (!asNode) {
      const [client, subscriber] = [new Redis(redisUrl), new Redis(proxied, { retryStrategy: () => 20 })];
      subscriber.on('error', () => {});
      closes.push(() => (client.disconnect(), subscriber.disconnect()));
      return { client, subscriber };
    }
    const client = createClient({ url: redisUrl });
    const subscriber = createClient({ url: proxied, socket: { reconnectStrategy: () => 20 } });
    for (const each of [client, subscriber]) {
      each.on('error', () => {});
      await each.connect();
      closes.push(() => each.destroy());
    }
    return { client, subscriber };
  }

  const sell = async ({ database, here }: Awaited<ReturnType<typeof open>>): Promise<void> => {
    await database.transaction(async () => {
      await database.current.query('update product set stock = stock + 1 where id = 1');
      await here.del(1);
    });
  };

  it.each([false, true])('hear of what others commit, with node-redis: %s', async (asNode) => {
    const opened = await open({ asNode, maxStaleness: 60_000 });
    const { there, stock } = opened;
    await sell(opened);
    await until('it has heard', () => there.peek(1) === undefined);
    expect(await there.getOrSet(1, stock)).toBe(1);
  });

  it('are not given out when nothing is heard any more for longer than "maxStaleness"', async () => {
    const opened = await open({ maxStaleness: 200 });
    const { there, stock, proxy } = opened;
    proxy.hold();
    await sell(opened);
    await until('the copy is too old', () => there.peek(1) === undefined);
    expect(await there.getOrSet(1, stock)).toBe(1);
    expect(await there.getOrSet(1, stock)).toBe(1);
    proxy.goOn();
    await until('it hears again', async () => (await there.get(1)) === 1 && there.peek(1) === 1);
  });

  it.each([false, true])(
    'are gone when the connection was lost on which changes are heard, with node-redis: %s',
    async (asNode) => {
      const opened = await open({ maxStaleness: 60_000, asNode });
      const { there, stock, proxy } = opened;
      proxy.hold();
      await sell(opened);
      expect(there.peek(1)).toBe(0);
      proxy.goOn();
      proxy.cut();
      await until('it was noticed', () => there.peek(1) === undefined);
      expect(await there.getOrSet(1, stock)).toBe(1);
      await until('it hears again', async () => (await there.get(1)) === 1 && there.peek(1) === 1);
      await sell(opened);
      await until('it has heard', () => there.peek(1) === undefined);
    },
  );

  it.each(['job', 'signed call', 'call'])(
    'are not older than the %s that asks: it sees what was committed before it was sent',
    async (what) => {
      const opened = await open({ maxStaleness: 60_000 });
      const { database, there, stock, proxy } = opened;
      const look = defineQueue<object, number>('look');
      const jobs = createJobs(database, { queues: { look } });
      jobs.worker().handle(look, () => there.getOrSet(1, stock), { transaction: false });
      const { injectContext, runWithContext } = createContextCarrier(database, {
        secret: 'a secret of the whole system',
      });
      proxy.hold();
      await sell(opened);
      // This process has heard nothing, and may say so for a minute.
      expect(await there.get(1)).toBe(0);
      const headers = what === 'call' ? {} : injectContext({});
      if (what === 'job') expect(await jobs.queues.look.pushAsync({})).toBe(1);
      else expect(await runWithContext(headers, () => there.getOrSet(1, stock))).toBe(1);
      proxy.goOn();
      await jobs.close();
    },
  );

  it('know at once what their own process commits', async () => {
    const { database, there, proxy } = await open({ maxStaleness: 60_000 });
    proxy.hold();
    await database.transaction(() => there.set(9, 1));
    expect(await there.get(1)).toBe(9);
    expect(await there.get(1)).toBe(9);
    await there.del(1);
    expect(await there.get(1)).toBeUndefined();
    proxy.goOn();
  });

  it('are refused on a cluster, and to a store without a subscriber', async () => {
    const { database } = await open();
    const cluster = Object.create(writing, { isCluster: { value: true } }) as Redis;
    expect(() => new RedisStore({ client: writing, subscriber: cluster })).toThrow(InvalidOptionError);
    expect(() => new RedisStore({ client: writing, subscriber: {} as never })).toThrow(InvalidOptionError);
    const store = new RedisStore({ client: writing });
    expect(() => createCache(database, { name: 'x', store, memory: { max: 5 } })).toThrow(/subscriber/);
  });

  it('one process loads at a time; a right that nobody gives back ends by itself', async () => {
    const { here, there } = await open();
    const mayEnd = signal();
    let loads = 0;
    const load = async (): Promise<number> => {
      loads += 1;
      await mayEnd.promise;
      return 5;
    };
    const asked = [here, there].flatMap((cache) => [1, 2, 3].map(() => cache.getOrSet(2, load)));
    await until('one loads', () => loads === 1);
    mayEnd.fire();
    expect(await Promise.all(asked)).toEqual([5, 5, 5, 5, 5, 5]);
    expect(loads).toBe(1);
    await writing.set(`${prefix}lease:${here.name}/3`, 'somebody', 'PX', 200);
    expect(await here.getOrSet(3, () => 6)).toBe(6);
    await until('the right is given back', async () => (await writing.exists(`${prefix}lease:${here.name}/3`)) === 0);
  });
});
