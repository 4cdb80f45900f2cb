// What one operation costs as there is more of everything: flat, or it would end badly one day.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCache, MemoryStore } from '../src/cache/index.ts';
import { postgres } from '../src/drivers/postgres/index.ts';
import { createDatabase } from '../src/index.ts';
import { createOutboxTables, createRelay, RelayUnavailableError } from '../src/outbox/index.ts';
import { eventsBeside } from './growth-events.ts';
import { barePool, request } from './bare-pool.ts';
import type { Arena } from './contenders.ts';
import { median, timeEach } from './rounds.ts';

/** What one operation costs at each size. */
export interface Series {
  readonly name: string;
  readonly unit: 'ns' | 'us' | 'bytes';
  readonly points: readonly (readonly [size: number, cost: number])[];
}

const [batches, batchSize] = [9, 100];

async function nothing(): Promise<void> {}

export async function measureGrowth(arena: Arena, url: string, quick: boolean): Promise<Series[]> {
  return [
    await clients(url),
    await levels(arena),
    await hooks(arena),
    await nestedScopes(arena),
    ...(await waitingChains(quick ? 10_000 : 100_000)),
    await cachedKeys(arena, quick ? 100_000 : 1_000_000),
    await outboxRows(arena, quick ? 10_000 : 1_000_000),
    await idleDatabase(url),
    // Last: what it leaves behind would be taken for memory of what comes after it.
    ...(await events(arena, quick ? 10_000 : 1_000_000)),
  ];
}

async function seriesOf(
  name: string,
  sizes: readonly number[],
  cost: (size: number) => Promise<number>,
  unit: Series['unit'] = 'ns',
): Promise<Series> {
  const points: [number, number][] = [];
  for (const size of sizes) points.push([size, await cost(size)]);
  return { name, unit, points };
}

function clients(url: string): Promise<Series> {
  return seriesOf('a transaction without a statement, by clients of the database', [1, 10, 100], async (size) => {
    const names = Array.from({ length: size - 1 }, (_, index) => `other${index}`);
    const others = Object.fromEntries(names.map((name) => [name, postgres({ connectionString: url })]));
    const database = createDatabase({ clients: { default: postgres({ connectionString: url }), ...others } });
    const time = await timeEach(() => database.transaction(nothing), 20_000);
    await database.close();
    return time;
  });
}

function levels({ database }: Arena): Promise<Series> {
  const at = (left: number): Promise<number> =>
    left === 0
      ? timeEach(() => database.transaction(nothing), 20_000)
      : database.transaction(() => at(left - 1), { propagation: 'NESTED' });
  return seriesOf('a joined scope, by scopes around it', [1, 4, 16], at);
}

function hooks({ database }: Arena): Promise<Series> {
  return seriesOf('a commit hook, by hooks of the transaction', [10, 100, 1_000], async (size) => {
    const all = await timeEach(
      () =>
        database.transaction(async () => {
          for (let at = 0; at < size; at += 1) database.current.commit(nothing);
        }),
      20_000 / size,
    );
    return all / size;
  });
}

function nestedScopes({ database }: Arena): Promise<Series> {
  const at = (left: number): Promise<unknown> =>
    left === 0 ? nothing() : database.transaction(() => at(left - 1), { propagation: 'NESTED' });
  return seriesOf('a NESTED scope, one in the other', [1, 10, 100], async (size) => {
    return (await timeEach(() => database.transaction(() => at(size)), 5_000 / size)) / size;
  });
}

/** Chains that wait for the one connection of a pool. */
async function waitingChains(most: number): Promise<Series[]> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const sizes = [most / 100, most / 10, most];
  const memory: [number, number][] = [];
  const time = await seriesOf('a wait for the one connection of a pool, by chains that wait', sizes, async (size) => {
    const times: number[] = [];
    for (let run = 0; run < 3; run += 1) {
      const pool = barePool(1, 0);
      const first = await pool.acquire(request);
      collect();
      const before = process.memoryUsage().heapUsed;
      const start = performance.now();
      const waits = Array.from({ length: size }, async () => pool.release(await pool.acquire(request), true));
      const waiting = performance.now() - start;
      collect();
      if (run === 0) memory.push([size, (process.memoryUsage().heapUsed - before) / size]);
      const again = performance.now();
      pool.release(first, true);
      await Promise.all(waits);
      times.push(((waiting + performance.now() - again) * 1e6) / size);
      await pool.end();
    }
    return median(times);
  });
  return [time, { name: 'memory of a chain that waits, by chains', unit: 'bytes', points: memory }];
}

function cachedKeys({ database }: Arena, most: number): Promise<Series> {
  return seriesOf('a copy in memory, by keys of the cache', [1_000, most / 10, most], async (size) => {
    const store = new MemoryStore(size);
    const cache = createCache<number, number>(database, {
      name: 'growth',
      store,
      ttl: 3_600_000,
      memory: { max: size },
    });
    for (let key = 0; key < size; key += 1) {
      await cache.set(key, key);
      await cache.get(key);
    }
    return await timeEach(() => cache.get(Math.floor(Math.random() * size)), 200_000);
  });
}

async function outboxRows({ database }: Arena, most: number): Promise<Series> {
  await createOutboxTables(database.current);
  await database.current.query("delete from sluice_outbox where channel = 'growth'");
  let rows = 0;
  let handedOver: number[] = [];
  const deliver = async (messages: readonly unknown[]): Promise<void> => {
    handedOver.push(performance.now());
    if (handedOver.length > batches) throw new RelayUnavailableError({ what: 'It is enough', remedy: 'None' });
    rows -= messages.length;
  };
  const relay = createRelay(database, { channel: 'growth', batchSize, deliver });
  const add = (count: number): Promise<unknown> =>
    database.current.query(
      `insert into sluice_outbox (channel, job_id, queue, payload, context)
       select 'growth', gen_random_uuid()::text, 'q', '{}', '{}' from generate_series(1, $1::int)`,
      [count],
    );
  const series = await seriesOf(
    'a message through the relay, by messages in the outbox',
    // Enough for all batches.
    [most / 100, most / 10, most].filter((size) => size > 2 * batches * batchSize),
    async (size) => {
      await add(size - rows);
      rows = size;
      await database.current.query('analyze sluice_outbox');
      handedOver = [];
      await relay.drain().catch((error: unknown) => {
        if (!(error instanceof RelayUnavailableError)) throw error;
      });
      const times = handedOver.slice(1).map((time, index) => time - (handedOver[index] ?? time));
      return (median(times) * 1_000) / batchSize;
    },
    'us',
  );
  await database.current.query("delete from sluice_outbox where channel = 'growth'");
  return series;
}

async function events(arena: Arena, most: number): Promise<Series[]> {
  const { publishing, running } = await eventsBeside(arena, [most / 100, most / 10, most]);
  return [
    { name: 'an event that is published, by those that are completed and kept', unit: 'us', points: publishing },
    { name: 'an event until its durable listener has run, by those', unit: 'us', points: running },
  ];
}

async function idleDatabase(url: string): Promise<Series> {
  const collect = runInNewContext('gc') as () => void;
  return await seriesOf(
    'memory of an idle database, by databases',
    [100, 1_000],
    async (size) => {
      collect();
      const before = process.memoryUsage().heapUsed;
      const made = Array.from({ length: size }, () =>
        createDatabase({ clients: { default: postgres({ connectionString: url }) } }),
      );
      collect();
      const used = (process.memoryUsage().heapUsed - before) / size;
      for (const database of made) await database.close();
      return used;
    },
    'bytes',
  );
}
