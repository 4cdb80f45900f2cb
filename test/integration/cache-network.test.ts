// A network between a cache and its Redis that cuts, swallows, delays and fragments. What a call has told is what is there
// afterwards, everything ends in time, and each error has a code.
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/cache/index.ts';
import { RedisStore, type RedisStoreOptions } from '../../src/cache/redis/index.ts';
import type { Database } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { type Direction, type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { untilUsed } from '../support/redis-store.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase();
/** Into how many places of what goes through in a direction a fault falls; each byte with `SLUICE_EVERY_BYTE`. */
const places = process.env['SLUICE_EVERY_BYTE'] === undefined ? 12 : Number.POSITIVE_INFINITY;
/** How long a call may take, in milliseconds: its commands have 200 each, and Redis is left alone after the first. */
const bound = 4_000;
const commitTimeout = 300;

/** A product before and after what is done to it. */
const [old, replaced] = [1, 2];

interface Network {
  readonly database: Database<'default'>;
  /** The cache of the process whose network is harmed. */
  readonly here: Cache<number, number>;
  /** That of another process. */
  readonly there: Cache<number, number>;
  readonly proxy: FaultProxy;
  readonly stockOf: (id: number) => Promise<number>;
  readonly isLocked: (ids: readonly number[]) => Promise<boolean>;
}

/** What is done through the harmed network. */
interface Call {
  readonly run: (network: Network, id: number) => Promise<unknown>;
  /** The stock in the database when it has succeeded, and when it has failed. */
  readonly done: number;
  readonly failed: number;
  /** It gives values. */
  readonly reads?: boolean;
  /** It fails in any case. */
  readonly fails?: boolean;
  /** The product is not in the cache before. */
  readonly isCold?: boolean;
}

class Declined extends Error {
  readonly code = 'DECLINED';
}

const sell = async ({ database }: Network, id: number): Promise<void> => {
  await database.current.query('update product set stock = 2 where id = $1', [id]);
};
const reads = { done: old, failed: old, reads: true };
const committed = { done: replaced, failed: old };
/** It is in the database whatever becomes of the call. */
const atOnce = { done: replaced, failed: replaced };

const calls: Readonly<Record<string, Call>> = {
  get: { ...reads, run: ({ here }, id) => here.get(id) },
  mget: { ...reads, run: async ({ here }, id) => (await here.mget([id, id, id])).find((value) => value !== undefined) },
  getOrSet: { ...reads, run: ({ here, stockOf }, id) => here.getOrSet(id, () => stockOf(id)) },
  'getOrSet of what is not there': {
    ...reads,
    isCold: true,
    run: ({ here, stockOf }, id) => here.getOrSet(id, () => stockOf(id)),
  },
  'getOrSet in a transaction': {
    ...reads,
    run: ({ database, here, stockOf }, id) =>
      database.transaction(() => here.getOrSet(id, () => stockOf(id)), { isolationLevel: 'READ_COMMITTED' }),
  },
  'del at once': { ...atOnce, run: (network, id) => sell(network, id).then(() => network.here.del(id)) },
  'set at once': { ...atOnce, run: (network, id) => sell(network, id).then(() => network.here.set(replaced, id)) },
  'invalidate at once': {
    ...atOnce,
    run: (network, id) => sell(network, id).then(() => network.here.invalidate([`of ${id}`])),
  },
  'a transaction that deletes': {
    ...committed,
    run: (network, id) =>
      network.database.transaction(async () => {
        await sell(network, id);
        await network.here.del(id);
      }),
  },
  'a transaction that sets': {
    ...committed,
    run: (network, id) =>
      network.database.transaction(async () => {
        await sell(network, id);
        await network.here.set(replaced, id);
      }),
  },
  'a transaction that invalidates': {
    ...committed,
    run: (network, id) =>
      network.database.transaction(async () => {
        await sell(network, id);
        await network.here.invalidate([`of ${id}`]);
      }),
  },
  'a transaction that is rolled back': {
    done: old,
    failed: old,
    fails: true,
    run: (network, id) =>
      network.database.transaction(async () => {
        await sell(network, id);
        await network.here.set(replaced, id);
        throw new Declined();
      }),
  },
};

await describeWith('Redis', 'caches behind a network that fails', () => {
  const prefix = redisKeys(`network-${randomUUID()}:`);
  const closes: (() => unknown)[] = [];
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  let direct: Redis;
  let lastId = 0;

  beforeAll(async () => {
    direct = new Redis(redisUrl);
    await untilUsed(new RedisStore({ client: direct, prefix, commitTimeout: 100 }));
  });
  beforeEach(() => {
    for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, note);
  });
  afterEach(async () => {
    for (const event of ['unhandledRejection', 'uncaughtException']) process.off(event, note);
    for (const close of closes.splice(0)) await close();
    expect(unhandled.splice(0)).toEqual([]);
  });
  afterAll(() => direct.quit());

  async function open(asNode: boolean): Promise<Network> {
    const database = server.open({ max: 3 });
    const proxy = await startFaultProxy(redisUrl);
    closes.push(() => proxy.close());
    const client = await connect(proxy.url, asNode);
    const shared = { name: randomUUID(), commitTimeout, tags: (id: number) => [`of ${id}`] };
    const harmed = new RedisStore({ client, prefix, timeout: 200, pause: 5 });
    const here = createCache<number, number>(database, { ...shared, store: harmed });
    const whole = new RedisStore({ client: direct, prefix, timeout: 5_000 });
    const there = createCache<number, number>(database, { ...shared, store: whole });
    const stockOf = async (id: number): Promise<number> => {
      const { rows } = await database.current.query<{ stock: number }>('select stock from product where id = $1', [id]);
      return rows[0]?.stock ?? -1;
    };
    const isLocked = async (ids: readonly number[]): Promise<boolean> => {
      const tags = ids.flatMap((id) => [`${shared.name}/${id}`, `#of ${id}`]);
      return (await whole.read('', tags)).tags.some((tag) => tag.isLocked);
    };
    await untilUsed(harmed);
    return { database, here, there, proxy, stockOf, isLocked };
  }

  async function connect(url: string, asNode: boolean): Promise<RedisStoreOptions['client']> {
    if (!asNode) {
      const client = new Redis(url, { retryStrategy: () => 5, maxRetriesPerRequest: null });
      client.on('error', () => {});
      closes.push(() => client.disconnect());
      return client;
    }
    const client = createClient({ url, socket: { reconnectStrategy: () => 5 } });
    client.on('error', () => {});
    await client.connect();
    closes.push(() => client.destroy());
    return client;
  }

  /** A product that is cached, everywhere as it is. */
  async function product({ there, stockOf }: Network, { isCold }: Call): Promise<number> {
    lastId += 1;
    const id = lastId;
    await server.sql(`insert into product (id, stock) values (${id}, ${old})`);
    if (isCold !== true) await there.getOrSet(id, () => stockOf(id));
    return id;
  }

  /** What a call has told; fails if it takes too long, or has an error without a code. */
  async function told(call: Call, network: Network, id: number): Promise<'done' | 'failed'> {
    const outcome = await inTime(
      call.run(network, id).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      ),
    );
    if ('error' in outcome) {
      expect(outcome.error).toMatchObject({ code: call.fails === true ? 'DECLINED' : 'CACHE_UNAVAILABLE' });
      expect(call.reads).not.toBe(true);
      return 'failed';
    }
    expect(call.fails).not.toBe(true);
    if (call.reads === true) expect([undefined, old]).toContain(outcome.value);
    return 'done';
  }

  /** What is there is what was told: at once, and for the process whose network it is. */
  async function agrees(call: Call, network: Network, id: number, outcome: 'done' | 'failed'): Promise<void> {
    const { here, there, stockOf } = network;
    const stock = await stockOf(id);
    expect(stock).toBe(call[outcome]);
    // Who was told that the cache knows nothing of a change knows that it may be old.
    if (outcome === 'failed' && stock === replaced) return;
    for (const cache of [there, here]) {
      expect([undefined, stock]).toContain(await inTime(cache.get(id)));
      expect(await inTime(cache.getOrSet(id, () => stockOf(id)))).toBe(stock);
    }
  }

  async function harm(call: Call, network: Network, direction: Direction, fault: Fault): Promise<void> {
    const id = await product(network, call);
    network.proxy.set(direction, fault);
    const outcome = await told(call, network, id);
    network.proxy.set(direction, undefined);
    // Such a connection never comes back: the client has to give it up.
    if (fault.type === 'swallow') network.proxy.cut();
    await agrees(call, network, id, outcome);
    harmed.push([id, call, outcome]);
  }
  /** The bytes of a call: of the last of some, since the first open a connection, and with what follows its COMMIT. */
  async function lengthOf(call: Call, network: Network, direction: Direction): Promise<number> {
    for (let runs = 0; runs < 4; runs += 1) {
      const id = await product(network, call);
      network.proxy.set(direction, undefined);
      await told(call, network, id);
      await until('it is over', async () => !(await network.isLocked([id])));
    }
    return network.proxy.seen(direction);
  }
  const outcomes = { done: 0, failed: 0 };
  const harmed: [id: number, call: Call, outcome: 'done' | 'failed'][] = [];

  /** Once more, when all locks have ended by themselves. */
  async function agreesLater({ there, isLocked }: Network): Promise<void> {
    await until('all locks have ended', () => isLocked(harmed.map(([id]) => id)).then((locked) => !locked));
    for (const [id, call, outcome] of harmed.splice(0)) {
      const value = await there.get(id);
      // What was not to be told the cache has as it was, or no more; what failed was not set.
      expect([undefined, outcome === 'failed' ? old : call.done]).toContain(value);
      outcomes[outcome] += 1;
    }
  }

  describe.each([false, true])('with node-redis: %s', (asNode) => {
    it.each(Object.entries(calls))('%s, cut off at every byte', { timeout: 600_000 }, async (_, call) => {
      const network = await open(asNode);
      for (const direction of ['up', 'down'] as const) {
        const length = await lengthOf(call, network, direction);
        // One that is rolled back sends nothing.
        if (call.fails !== true) expect(length).toBeGreaterThan(0);
        const step = Math.max(1, Math.ceil(length / places));
        for (let after = 0; after < length; after += step) await harm(call, network, direction, { type: 'cut', after });
      }
      await agreesLater(network);
    });

    it.each(Object.entries(calls))('%s, late, in pieces, and swallowed', { timeout: 120_000 }, async (_, call) => {
      const network = await open(asNode);
      for (const direction of ['up', 'down'] as const) {
        for (const fault of [
          { type: 'fragment', size: 1 },
          { type: 'delay', milliseconds: 20 },
          { type: 'delay', milliseconds: 400 },
        ] as const)
          await harm(call, network, direction, fault);
        await agreesLater(network);
      }
      await harm(call, network, 'down', { type: 'swallow', after: 40 });
      await agreesLater(network);
    });
  });

  /** What hears of changes is harmed, and nothing else. */
  describe.each([false, true])('the copies of a process, with node-redis: %s', (asNode) => {
    async function openCopies(maxStaleness: number): Promise<Network> {
      const network = await open(asNode);
      const subscriber = await connect(network.proxy.url, asNode);
      const store = new RedisStore({ client: direct, subscriber: subscriber as Redis, prefix, timeout: 5_000 });
      const name = network.there.name;
      const tags = (id: number): string[] => [`of ${id}`];
      const memory = { max: 100, maxStaleness };
      return { ...network, here: createCache<number, number>(network.database, { name, store, tags, memory }) };
    }

    /** A product that this process has a copy of, and that another one changes while a fault is there. */
    async function change(network: Network, fault: Fault): Promise<number> {
      const { here, stockOf, proxy } = network;
      const call = calls['a transaction that deletes'] as Call;
      const id = await product(network, call);
      await until(
        'there is a copy',
        async () => (await here.getOrSet(id, () => stockOf(id))) === old && here.peek(id) === old,
      );
      proxy.set('down', fault);
      expect(await told(call, { ...network, here: network.there }, id)).toBe('done');
      return id;
    }

    async function showsIt({ here, stockOf, proxy }: Network, id: number): Promise<void> {
      // Nobody asks for it, so that no proof of what is heard comes and goes.
      await until('the copy is gone', () => here.peek(id) !== old, bound);
      expect(await inTime(here.getOrSet(id, () => stockOf(id)))).toBe(replaced);
      proxy.set('down', undefined);
      await until('it is copied again', async () => (await here.get(id)) === replaced && here.peek(id) === replaced);
    }

    it('are gone when their connection is cut, at whatever byte', { timeout: 600_000 }, async () => {
      // Only what is noticed can help: nothing is too old for a minute.
      const network = await openCopies(60_000);
      await showsIt(network, await change(network, { type: 'fragment', size: 1 }));
      network.proxy.set('down', undefined);
      await change(network, { type: 'delay', milliseconds: 0 });
      await until('it has come', () => network.proxy.seen('down') > 0);
      const length = network.proxy.seen('down');
      const step = Math.max(1, Math.ceil(length / places));
      for (let after = 0; after < length; after += step)
        await showsIt(network, await change(network, { type: 'cut', after }));
    });

    it('are never older than "maxStaleness", whatever is late or lost', { timeout: 60_000 }, async () => {
      const network = await openCopies(200);
      await showsIt(network, await change(network, { type: 'delay', milliseconds: 500 }));
      const id = await change(network, { type: 'swallow', after: 30 });
      await until('the copy is too old', () => network.here.peek(id) === undefined, bound);
      network.proxy.set('down', undefined);
      network.proxy.cut();
      await showsIt(network, id);
    });
  });

  it('some calls failed, and most did not', () => {
    expect(outcomes.failed).toBeGreaterThan(20);
    expect(outcomes.done).toBeGreaterThan(outcomes.failed);
  });
});

/** Fails what takes longer than the bound. */
async function inTime<Result>(work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${bound} ms`)), bound);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
