import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Redis } from 'ioredis';
import type { Database } from 'sluice';
import { type Cache, createCache } from 'sluice/cache';
import { RedisStore } from 'sluice/cache/redis';
import { InjectDatabase } from 'sluice/nestjs';
import { Repository } from 'typeorm';
import { Product } from './entities';

/** Prices, from a cache that agrees with the database, in the web process and in the worker. */
@Injectable()
export class CatalogueService implements OnApplicationShutdown {
  private readonly redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { lazyConnect: true });
  private readonly prices: Cache<number, string>;

  constructor(
    @InjectDatabase() database: Database,
    @InjectRepository(Product) private readonly products: Repository<Product>,
  ) {
    const store = new RedisStore({ client: this.redis, prefix: `${process.env.JOBS_PREFIX ?? 'shop'}:cache:` });
    this.prices = createCache<number, string>(database, { name: 'price', ttl: 60_000, store });
  }

  async priceOf(id: string): Promise<number> {
    return await this.prices.getOrSet(id, async () => (await this.products.findOneByOrFail({ id })).price);
  }

  async setPrice(id: string, price: number): Promise<void> {
    await this.products.update({ id }, { price });
    // Others see the new price when this has committed.
    await this.prices.del(id);
  }

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
