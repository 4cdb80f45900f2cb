import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { untilUsed } from '../support/redis-store.ts';
import type { CrowdSettings } from './programs/cache-crowd.ts';

const server = useTestDatabase();
const program = fileURLToPath(new URL('programs/cache-crowd.ts', import.meta.url));

await describeWith('Redis', 'many who want the same at once', () => {
  let redis: Redis;
  const prefix = redisKeys(`crowd-${randomUUID()}:`);
  beforeAll(() => (redis = new Redis(redisUrl)));
  afterAll(() => redis.quit());

  it('in 4 processes with 25 callers each have it loaded once', async () => {
    const store = new RedisStore({ client: redis, prefix, commitTimeout: 100 });
    await untilUsed(store);
    const settings: CrowdSettings = { url: server.url, redisUrl, prefix, cache: 'crowd', callers: 25 };
    const children = Array.from({ length: 4 }, () => fork(program, [JSON.stringify(settings)]));
    await Promise.all(children.map((child) => once(child, 'message')));
    const answers = children.map((child) => once(child, 'message') as Promise<[{ readonly values: number[] }]>);
    for (const child of children) child.send('go');
    const values = (await Promise.all(answers)).flatMap(([answer]) => answer.values);
    expect(values).toEqual(Array.from({ length: 100 }, () => 1));
    expect(await redis.get(`${prefix}loads`)).toBe('1');
  });
});
