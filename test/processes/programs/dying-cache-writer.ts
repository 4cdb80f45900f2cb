// Changes a product and its cached stock, and is killed on the way: with its locks before the COMMIT, or after it.
import { Redis } from 'ioredis';
import { type CacheStore, createCache } from '../../../src/cache/index.ts';
import { RedisStore } from '../../../src/cache/redis/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../../src/index.ts';

export interface DyingWriterSettings {
  readonly url: string;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly cache: string;
  readonly commitTimeout: number;
  readonly diesAt: 'locked' | 'committed';
}

if (import.meta.main) {
  const { url, redisUrl, prefix, cache, commitTimeout, diesAt } = JSON.parse(
    process.argv[2] ?? '',
  ) as DyingWriterSettings;
  const database = createDatabase({ clients: { default: postgres({ connectionString: url }) } });
  const store: CacheStore = new RedisStore({ client: new Redis(redisUrl), prefix, timeout: 5_000, commitTimeout });
  const [prepare, release] = [store.prepare.bind(store), store.release.bind(store)];
  store.prepare = async (...args) => {
    const locked = await prepare(...args);
    if (diesAt === 'locked') process.kill(process.pid, 'SIGKILL');
    return locked;
  };
  store.release = async (...args) => {
    if (diesAt === 'committed') process.kill(process.pid, 'SIGKILL');
    await release(...args);
  };
  const stock = createCache<number, number>(database, { name: cache, store, commitTimeout });
  await database.transaction(async () => {
    await database.current.query('update product set stock = 5 where id = 1');
    await stock.set(5, 1);
  });
}
