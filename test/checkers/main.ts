// Checks a cache for as long as it is told to, and says which seed to come back with.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { type CacheStore, MemoryStore } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { createDatabase } from '../../src/index.ts';
import { mariadbEngine } from '../support/engines/mariadb.ts';
import { postgresEngine } from '../support/engines/postgres.ts';
import { sqliteEngine } from '../support/engines/sqlite.ts';
import { ownRedis } from '../support/redis-server.ts';
import { untilUsed } from '../support/redis-store.ts';
import { redisUrl } from '../support/servers.ts';

import { type Approach, checkCache } from './cache-checker.ts';
import { checkProcesses } from './cache-processes.ts';

const engines = { postgres: postgresEngine, mariadb: mariadbEngine, sqlite: sqliteEngine };
const approaches: readonly Approach[] = ['sluice', 'naive', 'after-commit'];

const { values } = parseArgs({
  options: {
    approach: { type: 'string', default: 'sluice' },
    engine: { type: 'string', default: 'postgres' },
    store: { type: 'string', default: 'memory' },
    /** More than one: each is killed and frozen, and Redis too, on PostgreSQL and a Redis of its own. */
    processes: { type: 'string', default: '1' },
    ops: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 1e9)) },
  },
});
const approach =
  approaches.find((name) => name === values.approach) ?? misused(`approach is one of ${approaches.join(', ')}`);
const engine =
  Object.entries(engines).find(([name]) => name === values.engine)?.[1] ??
  misused(`engine is one of ${Object.keys(engines).join(', ')}`);
const [checks, seed] = [positive('ops', values.ops), positive('seed', values.seed)];
const processes = positive('processes', values.processes);
if (processes > 1 && (approach !== 'sluice' || engine.name !== 'postgres'))
  misused('several processes are for the approach sluice on postgres');

const server = engine.server();
await server.start();
if (processes > 1) await checkSeveral();
else await checkOne();

async function checkSeveral(): Promise<void> {
  const redis = (await ownRedis()) ?? misused('several processes need the program redis-server');
  const start = performance.now();
  let said = 0;
  try {
    const result = await checkProcesses({
      url: server.url,
      redis,
      checks,
      seed,
      nodes: processes,
      onProgress: (done) => {
        if (done - said < 10_000) return;
        said = done;
        console.error(`${done} of ${checks} reads are checked`);
      },
    });
    const seconds = Math.round((performance.now() - start) / 1_000);
    console.log({ approach, engine: engine.name, processes, seed, seconds, ...result });
    process.exitCode = result.violations === 0 ? 0 : 1;
  } finally {
    await redis.stop();
    await server.drop();
  }
}

async function checkOne(): Promise<void> {
  const stores = await openStores();
  const database = createDatabase({ clients: { default: server.client({ max: 12 }) } });
  const started = performance.now();
  try {
    const result = await checkCache({
      database,
      approach,
      store: stores.make,
      checks,
      seed,
      onProgress: (done) => {
        if (done % 10_000 === 0) console.error(`${done} of ${checks} reads are checked`);
      },
    });
    const seconds = Math.round((performance.now() - started) / 1_000);
    console.log({ approach, engine: engine.name, store: values.store, seed, seconds, ...result });
    process.exitCode = result.first === undefined ? 0 : 1;
  } finally {
    await database.close();
    await server.drop();
    await stores.close();
  }
}

async function openStores(): Promise<{ make: () => CacheStore; close: () => Promise<void> }> {
  if (values.store === 'memory') {
    const store = new MemoryStore();
    return { make: () => store, close: async () => {} };
  }
  if (values.store !== 'redis') misused('store is one of memory, redis');
  const client = new Redis(redisUrl);
  const prefix = `sluice-check-${randomUUID()}:`;
  const make = (): CacheStore => new RedisStore({ client, prefix, timeout: 5_000, commitTimeout: 1_000 });
  const first = make();
  await untilUsed(first);
  return {
    make,
    async close() {
      const keys = await client.keys(`${prefix}*`);
      if (keys.length > 0) await client.unlink(...keys);
      await client.quit();
    },
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : misused(`${name} is a whole number above 0`);
}

function misused(message: string): never {
  console.error(`Wrong option: ${message}.`);
  process.exit(2);
}
