import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { cachesInTests, copiesInTests, type GivenStore } from '../support/cache-in-tests-suite.ts';
import { useTestDatabase } from '../support/database.ts';
import { untilUsed } from '../support/redis-store.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase();

await describeWith('Redis', 'caches in a test that is rolled back, with values in Redis', () => {
  const prefix = redisKeys(`in-tests-${randomUUID()}:`);
  const clients: Redis[] = [];
  const client = (): Redis => {
    const made = new Redis(redisUrl);
    clients.push(made);
    return made;
  };
  let redis: Redis;

  beforeAll(async () => {
    redis = client();
    await untilUsed(new RedisStore({ client: redis, prefix, commitTimeout: 100 }));
  });
  afterAll(async () => {
    for (const each of clients) await each.quit();
  });

  /** Every key and its text, when what was sent has come. */
  async function contents(): Promise<unknown> {
    await until('no lock is left', async () => !(await texts()).some(([key, text]) => isLocked(key, text)));
    return await texts();
  }
  const isLocked = (key: string, text: string | null): boolean =>
    key.startsWith(`${prefix}tag:`) && text?.includes(' ') === true;
  async function texts(): Promise<(readonly [string, string | null])[]> {
    const keys = (await redis.keys(`${prefix}*`)).toSorted();
    return await Promise.all(keys.map(async (key) => [key, await redis.get(key)] as const));
  }
  const give = (): Promise<GivenStore> => {
    const store = new RedisStore({ client: redis, subscriber: client(), prefix, timeout: 5_000 });
    return Promise.resolve({ store, contents });
  };

  cachesInTests(server, give);
  copiesInTests(server, give);
});
