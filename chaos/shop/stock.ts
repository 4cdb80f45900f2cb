import { Redis } from 'ioredis';
import { type Cache, createCache } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import type { Database } from '../../src/index.ts';
import { commitTimeout, products, type ShopSettings } from '../settings.ts';
import type { Order, Part } from './part.ts';

/** What is on stock of a product, and the order that has changed it last. Sales lower it, and nothing raises it. */
export interface Stock {
  readonly left: number;
  readonly mark: string;
}

export interface StockCaches extends Part {
  /** Reads through a cache after the database, than which its answer may not be older. */
  check(product: number): Promise<{ readonly mark: string; readonly isHit: boolean }>;
  /** What the caches keep that the database does not have, when nothing changes. */
  compare(): Promise<readonly string[]>;
}

/** Caches of the stock in Redis, one of them with copies in the process, which every checkout changes. */
export function stockCaches(
  database: Database<'default'>,
  settings: ShopSettings,
  onWrong: (what: string) => void,
): StockCaches {
  const [client, subscriber] = [connect(settings.cacheUrl), connect(settings.cacheUrl)];
  const limit = commitTimeout(settings.engine);
  const store = new RedisStore({ client, subscriber, prefix: `${settings.prefix}:`, pause: 50, commitTimeout: limit });
  const options = { name: 'stock', store, commitTimeout: limit };
  const strict = createCache<Stock, number>(database, options);
  const near = createCache<Stock, number>(database, { ...options, memory: { max: 100, maxStaleness: 100 } });
  const load = async (product: number): Promise<Stock> => {
    const text = 'select stock, name from product where id = $1';
    const { rows } = await database.current.query<{ stock: number; name: string }>(text, [product]);
    const [row] = rows;
    if (row === undefined) throw new Error(`there is no product ${product}`);
    return { left: row.stock, mark: row.name };
  };
  return {
    name: 'caches',
    async record({ id, product }: Order) {
      const stock = await load(product);
      const [cache, keeps] = [product % 2 === 0 ? strict : near, stock.left % 2 === 0];
      await (keeps ? cache.set(stock, product) : cache.del(product));
      const own = await cache.getOrSet(product, () => load(product));
      if (own.mark !== id) onWrong(`order ${id} has changed product ${product} and reads the change of ${own.mark}`);
    },
    async check(product) {
      const before = await load(product);
      let isHit = true;
      const cached = await strict.getOrSet(product, () => {
        isHit = false;
        return load(product);
      });
      if (cached.left > before.left)
        onWrong(`a cache has ${cached.left} of product ${product} after the database had shown ${before.left}`);
      return { mark: cached.mark, isHit };
    },
    async compare() {
      const ids = Array.from({ length: products }, (_, index) => index + 1);
      const found = ids.flatMap((product) => [
        kept('strict', strict, product, load),
        kept('with copies', near, product, load),
      ]);
      return (await Promise.all(found)).flat();
    },
    async stop() {
      client.disconnect();
      subscriber.disconnect();
    },
  };
}

/** What a cache has of a product and the database has not. */
async function kept(
  name: string,
  cache: Cache<Stock, number>,
  product: number,
  load: (product: number) => Promise<Stock>,
): Promise<string[]> {
  const [cached, row] = [await cache.getOrSet(product, () => load(product)), await load(product)];
  if (cached.mark === row.mark) return [];
  return [`${name}: a cache keeps ${cached.mark} of product ${product}, and ${row.mark} is true`];
}

function connect(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: null, socketTimeout: 3_000 });
  client.on('error', () => {});
  return client;
}
