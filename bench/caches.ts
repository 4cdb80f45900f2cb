// What a cache costs that agrees with the transaction: against BentoCache, which does not, and a transaction without one.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { type Cache, createCache } from '../src/cache/index.ts';
import { runScript } from '../src/cache/redis/client.ts';
import { RedisStore } from '../src/cache/redis/index.ts';
import { changeScript } from '../src/cache/redis/scripts.ts';
import { type Arena, rawTransaction } from './contenders.ts';
import { type EngineArena, pair } from './engines.ts';
import { installPeers } from './peers.ts';

interface Row {
  readonly id: number;
  readonly value: number;
}

interface OtherCache {
  get(options: { readonly key: string }): Promise<unknown>;
  getOrSet(options: { readonly key: string; readonly factory: () => Promise<unknown> }): Promise<unknown>;
  set(options: { readonly key: string; readonly value: Row }): Promise<unknown>;
}

interface OtherCaches {
  readonly shared: OtherCache;
  readonly layered: OtherCache;
  readonly local: OtherCache;
  close(): Promise<void>;
}

const rows = 1_000;
const someId = (): number => 1 + Math.floor(Math.random() * rows);
const folder = fileURLToPath(new URL('peers/', import.meta.url));

const getOther = (cache: OtherCache) => () => cache.get({ key: String(someId()) });
const get = (cache: Cache<Row, number>) => async (): Promise<unknown> =>
  (await cache.get(someId())) ?? missing('a hit was a miss');
const getOrSet = (cache: Cache<Row, number>) => () => cache.getOrSet(someId(), load);
const getOrSetOther = (cache: OtherCache) => () => cache.getOrSet({ key: String(someId()), factory: load });
const load = async (): Promise<never> => missing('a hit was a miss');

export async function openCacheArena(arena: Arena, redisUrl: string): Promise<EngineArena> {
  installPeers();
  // Not known to the compiler: it is installed for the benchmark alone.
  const { openBentoCache } = (await import(pathToFileURL(`${folder}caches.mjs`).href)) as {
    readonly openBentoCache: (url: string, prefix: string, max: number) => OtherCaches;
  };
  const { database } = arena;
  const [client, subscriber] = [new Redis(redisUrl), new Redis(redisUrl)];
  const prefix = `sluice-bench-${randomUUID()}:`;
  const other = openBentoCache(redisUrl, `${prefix}other`, rows);
  const store = new RedisStore({ client, subscriber, prefix, timeout: 5_000, commitTimeout: 1_000 });
  while ((await store.read('', ['ready'])).tags[0]?.isLocked !== false) await delay(50);
  const options = { name: 'row', tags: () => ['rows'], ttl: 3_600_000 };
  const shared = createCache<Row, number>(database, { ...options, store });
  const layered = createCache<Row, number>(database, { ...options, store, memory: { max: rows } });
  const local = createCache<Row, number>(database, { ...options, memory: { max: rows } });
  // What is changed here is not what the hits are of.
  const changed = createCache<Row, number>(database, { ...options, name: 'changed', store });
  for (let id = 1; id <= rows; id += 1) {
    const row = { id, value: 0 };
    await Promise.all([shared.set(row, id), local.set(row, id)]);
    for (const each of [other.shared, other.layered, other.local]) await each.set({ key: String(id), value: row });
    await client.set(`${prefix}plain:${id}`, JSON.stringify(row));
  }
  const change = (touches: (id: number) => Promise<unknown>, after?: (id: number) => Promise<unknown>) => async () => {
    const id = someId();
    await database.transaction(async () => {
      await database.current.query('update sluice_bench set value = value + 1 where id = $1', [id]);
      await touches(id);
    });
    // Nobody waits for it, as with the cache.
    void after?.(id);
  };
  const script = (ttl: number) => async (id: number) => {
    const keys = [`${prefix}bare:${id}`, `${prefix}bare:of ${id % 10}`];
    const args = [`${prefix}bare`, keys.length, `of${id}`, ttl];
    await runScript((command, ...rest) => client.call(command, ...rest), changeScript, keys, args);
  };
  const ping = (): Promise<unknown> => client.ping();
  const touch = (id: number): Promise<unknown> => Promise.all([changed.del(id), changed.invalidate([`of ${id % 10}`])]);
  const bare = async (): Promise<unknown> =>
    JSON.parse((await client.get(`${prefix}plain:${someId()}`)) ?? missing('a row is gone'));
  return {
    workloads: [1, 50].flatMap((callers) => [
      {
        name: `a hit in Redis (get), against BentoCache, ${callers} callers`,
        callers,
        contenders: pair(getOther(other.shared), get(shared)),
      },
      {
        name: `a hit in Redis (getOrSet), against BentoCache, ${callers} callers`,
        callers,
        contenders: pair(getOrSetOther(other.shared), getOrSet(shared)),
      },
      { name: `a hit in Redis, against a bare GET, ${callers} callers`, callers, contenders: pair(bare, get(shared)) },
      {
        name: `a hit in memory before Redis, against BentoCache, ${callers} callers`,
        callers,
        contenders: pair(getOther(other.layered), get(layered)),
      },
      {
        name: `a hit in memory alone, against BentoCache, ${callers} callers`,
        callers,
        contenders: pair(getOther(other.local), get(local)),
      },
      {
        // Two tags: that of the key, and one that is declared.
        name: `a transaction with two tags, ${callers} callers`,
        callers,
        contenders: pair(
          change(async () => {}),
          change(touch),
        ),
      },
      {
        name: `a transaction with two tags, against one of raw pg without a cache, ${callers} callers`,
        callers,
        contenders: pair(rawTransaction(arena, 1, someId), change(touch)),
      },
      {
        // What is sent to Redis for two tags, and nothing else that is done for them.
        name: `a transaction with the two bare scripts, ${callers} callers`,
        callers,
        contenders: pair(
          change(async () => {}),
          change(script(1_000), script(0)),
        ),
      },
      {
        // The least for one trip before the COMMIT and one after it, whatever is said in them.
        name: `a transaction with two PINGs, ${callers} callers`,
        callers,
        contenders: pair(
          change(async () => {}),
          change(ping, ping),
        ),
      },
    ]),
    async close() {
      const keys = await client.keys(`${prefix}*`);
      for (let at = 0; at < keys.length; at += 500) await client.unlink(...keys.slice(at, at + 500));
      await Promise.all([client.quit(), subscriber.quit(), other.close()]);
      await arena.close();
    },
  };
}

function missing(what: string): never {
  throw new Error(what);
}
