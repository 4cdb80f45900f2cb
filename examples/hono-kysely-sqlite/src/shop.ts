import { type Generated, Kysely } from 'kysely';
import { createDatabase, type Database } from 'sluice';
import { type Cache, createCache } from 'sluice/cache';
import { ambientDialect, bindKysely } from 'sluice/kysely';
import { sqlite } from 'sluice/sqlite';

export interface Product {
  readonly id: string;
  readonly price: number;
  readonly stock: number;
}

export interface Order {
  readonly id: Generated<number>;
  readonly product_id: string;
  readonly quantity: number;
  readonly amount: number;
  readonly email: string;
}

export interface Tables {
  product: Product;
  order: Order;
}

export interface Shop {
  readonly database: Database;
  readonly kysely: Kysely<Tables>;
  /** What the pages of products show; an order takes its product out with its commit. */
  readonly products: Cache<Product | null, string>;
}

/** Opens the shop in a file; default: that in `SHOP_FILE`. */
export function openShop(file = process.env['SHOP_FILE'] ?? 'shop.db'): Shop {
  const database = createDatabase({ clients: { default: sqlite({ file }) } });
  const kysely = bindKysely(new Kysely<Tables>({ dialect: ambientDialect(database) }), database);
  return { database, kysely, products: createCache(database, { name: 'product' }) };
}
