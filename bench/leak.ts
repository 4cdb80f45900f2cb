// Everything at once for a long time: the heap after a collection stays what it was.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import { createCache } from '../src/cache/index.ts';
import { RedisStore } from '../src/cache/redis/index.ts';
import { createJobs, defineQueue } from '../src/queue/index.ts';
import type { Arena } from './contenders.ts';
import { median } from './rounds.ts';

export interface LeakFigures {
  readonly minutes: number;
  readonly operations: number;
  /** Megabytes in use after a collection, one for each look. */
  readonly heap: readonly number[];
  /** The median of the last third of them to that of the second one; the first warms up. */
  readonly growth: number;
}

class Declined extends Error {}
const add = defineQueue<{ readonly id: number }, number>('add');

/** @param minutes how long; a look at the heap every thirtieth of it */
export async function measureLeak(arena: Arena, minutes: number, redisUrl: string | undefined): Promise<LeakFigures> {
  const { database } = arena;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const clients = redisUrl === undefined ? [] : [new Redis(redisUrl), new Redis(redisUrl)];
  const [client, subscriber] = clients;
  const prefix = `sluice-leak-${randomUUID()}:`;
  const store =
    client === undefined || subscriber === undefined
      ? undefined
      : new RedisStore({ client, subscriber, prefix, timeout: 5_000 });
  const cache = createCache<number, number>(database, { name: 'leak', store, ttl: 60_000, memory: { max: 1_000 } });
  const jobs = createJobs(database, { queues: { add } });
  jobs.worker().handle(add, async ({ id }) => {
    await update(id);
    return id;
  });
  const update = (id: number): Promise<unknown> =>
    database.current.query('update sluice_bench set value = value + 1 where id = $1', [id]);
  // Ids of one kind of work each, so that none waits for a row of another.
  let last = 0;
  const next = (kind: number): number => 1 + kind * 100 + ((last += 1) % 100);
  const kinds: readonly (() => Promise<unknown>)[] = [
    () => database.transaction(() => update(next(0))),
    () =>
      database.transaction(async () => {
        await update(next(1));
        await database.transaction(() => update(next(2)), { propagation: 'NESTED' });
        await database.transaction(() => update(next(3)), { propagation: 'REQUIRES_NEW' });
        database.current.commit(() => cache.get(1));
      }),
    () =>
      database
        .transaction(async () => {
          database.current.compensate(() => {});
          await update(next(4));
          throw new Declined();
        })
        .catch((error: unknown) => {
          if (!(error instanceof Declined)) throw error;
        }),
    () =>
      database.transaction(async () => {
        const id = next(5);
        await update(id);
        await cache.set(id, id);
      }),
    () => cache.getOrSet(next(6), () => 1),
    // A key that nobody asks for again.
    () => cache.getOrSet((last += 1) + 1e6, () => 1),
    () => jobs.queues.add.pushAsync({ id: next(7) }),
  ];
  const end = performance.now() + minutes * 60_000;
  let operations = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      for (const kind of kinds) {
        await kind();
        operations += 1;
      }
      await delay(2);
    }
  };
  const heap: number[] = [];
  const watch = async (): Promise<void> => {
    while (performance.now() < end) {
      await delay(minutes * 2_000);
      collect();
      heap.push(process.memoryUsage().heapUsed / 1e6);
    }
  };
  await Promise.all([caller(), caller(), watch()]);
  await jobs.close();
  if (client !== undefined) {
    for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1_000 }) as AsyncIterable<string[]>)
      if (keys.length > 0) await client.unlink(...keys);
  }
  for (const each of clients) each.disconnect();
  const third = Math.floor(heap.length / 3);
  const growth = median(heap.slice(-third)) / median(heap.slice(third, 2 * third));
  return { minutes, operations, heap, growth };
}
