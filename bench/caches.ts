// What a cache costs that agrees with the transaction: beside a transaction without one, and a GET by itself.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createCache } from '../src/cache/index.ts';
import { RedisStore } from '../src/cache/redis/index.ts';
import type { Arena } from './contenders.ts';
import { type EngineArena, pair } from './engines.ts';

interface Row {
  readonly id: number;
  readonly value: number;
}

const rows = 1_000;
const someId = (): number => 1 + Math.floor(Math.random() * rows);

export async function openCacheArena(arena: Arena, redisUrl: string): Promise<EngineArena> {
  const { database } = arena;
  const client = new Redis(redisUrl);
  const prefix = `sluice-bench-${randomUUID()}:`;
  const store = new RedisStore({ client, prefix, timeout: 5_000, commitTimeout: 1_000 });
  while ((await store.read('', ['ready'])).tags[0]?.isLocked !== false) await delay(50);
  const cached = createCache<Row, number>(database, { name: 'row', store, tags: () => ['rows'], ttl: 3_600_000 });
  const local = createCache<Row, number>(database, { name: 'row', tags: () => ['rows'], ttl: 3_600_000 });
  for (let id = 1; id <= rows; id += 1) {
    await cached.set({ id, value: 0 }, id);
    await local.set({ id, value: 0 }, id);
    await client.set(`${prefix}plain:${id}`, JSON.stringify({ id, value: 0 }));
  }
  const update = async (id: number): Promise<void> => {
    await database.current.query('update sluice_bench set value = value + 1 where id = $1', [id]);
  };
  const change = (alone: boolean) => () =>
    database.transaction(async () => {
      const id = someId();
      await update(id);
      // Two tags: that of the key, and one that is declared.
      if (!alone) await Promise.all([cached.del(id), cached.invalidate([`of ${id % 10}`])]);
    });
  const get = async (): Promise<unknown> => JSON.parse((await client.get(`${prefix}plain:${someId()}`)) ?? 'null');
  return {
    workloads: [1, 50].flatMap((callers) => [
      { name: `a hit in Redis, ${callers} callers`, callers, contenders: pair(get, () => cached.get(someId())) },
      { name: `a hit in the process, ${callers} callers`, callers, contenders: pair(get, () => local.get(someId())) },
      {
        name: `a transaction with two tags, ${callers} callers`,
        callers,
        contenders: pair(change(true), change(false)),
      },
    ]),
    async close() {
      const keys = await client.keys(`${prefix}*`);
      for (let at = 0; at < keys.length; at += 500) await client.unlink(...keys.slice(at, at + 500));
      await client.quit();
      await arena.close();
    },
  };
}
