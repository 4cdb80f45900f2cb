import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { until } from '../support/settled.ts';
import type { DyingWriterSettings } from './programs/dying-cache-writer.ts';

const server = useTestDatabase();
const program = fileURLToPath(new URL('programs/dying-cache-writer.ts', import.meta.url));

await describeWith('Redis', 'a process that is killed while it commits what is cached', () => {
  let redis: Redis;
  const prefix = redisKeys(`kills-${randomUUID()}:`);
  beforeAll(() => (redis = new Redis(redisUrl)));
  afterAll(() => redis.quit());

  it.each([
    ['with its locks, before the COMMIT', 'locked', 0],
    ['after the COMMIT, with its locks', 'committed', 5],
  ] as const)('%s, leaves nothing wrong, and nothing locked for ever', async (_name, diesAt, truth) => {
    const database = server.open();
    const commitTimeout = 1_000;
    const store = new RedisStore({ client: redis, prefix, timeout: 5_000, commitTimeout });
    const stock = createCache<number, number>(database, { name: randomUUID(), store, commitTimeout });
    const load = async (): Promise<number> => {
      const { rows } = await database.current.query<{ stock: number }>('select stock from product where id = 1');
      return rows[0]?.stock ?? -1;
    };
    await insert(database, 1);
    await until('it is cached', async () => {
      await stock.getOrSet(1, load);
      return (await stock.get(1)) === 0;
    });
    const settings: DyingWriterSettings = {
      url: server.url,
      redisUrl,
      prefix,
      cache: stock.name,
      commitTimeout,
      diesAt,
    };
    const child = spawn(process.execPath, [program, JSON.stringify(settings)], { stdio: 'inherit' });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    // The server may take a moment to notice; what is locked is not shown meanwhile.
    await until('it is cached again', async () => {
      expect(await stock.getOrSet(1, load)).toBe(truth);
      return (await stock.get(1)) === truth;
    });
    expect(await load()).toBe(truth);
  });
});
