// One of several processes in each of which many want the same value at the same moment.
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createCache } from '../../../src/cache/index.ts';
import { RedisStore } from '../../../src/cache/redis/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../../src/index.ts';

export interface CrowdSettings {
  readonly url: string;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly cache: string;
  readonly callers: number;
}

if (import.meta.main) {
  const { url, redisUrl, prefix, cache: name, callers } = JSON.parse(process.argv[2] ?? '') as CrowdSettings;
  const database = createDatabase({ clients: { default: postgres({ connectionString: url }) } });
  const client = new Redis(redisUrl);
  const cache = createCache<number, string>(database, {
    name,
    store: new RedisStore({ client, prefix, timeout: 10_000 }),
  });
  const load = async (): Promise<number> => {
    const count = await client.incr(`${prefix}loads`);
    await delay(50);
    return count;
  };
  process.on('message', () => {
    const asked = Array.from({ length: callers }, () => cache.getOrSet('wanted', load));
    void Promise.all(asked).then((values) => process.send?.({ values }, () => process.exit()));
  });
  await cache.get('warm');
  process.send?.({ ready: true });
}
