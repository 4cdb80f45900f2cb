// MikroORM on a pool of its own, and bound.
import { defineEntity } from '@mikro-orm/core';
import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { PostgresDialect } from 'kysely';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { ambientPool } from '../../../src/drivers/postgres/index.ts';
import type { Database } from '../../../src/index.ts';
import { bindMikroOrm, mikroOrmTypes } from '../../../src/integrations/mikro-orm/index.ts';
import { rejection } from '../../support/settled.ts';
import type { Openings, Usage } from './suite.ts';

export const Product = defineEntity({
  name: 'Product',
  tableName: 'product',
  properties: (p) => ({
    id: p.integer().primary(),
    stock: p.integer().default(0),
    name: p.text().nullable(),
    reviews: () => p.oneToMany(Review).mappedBy('product'),
  }),
});
export const Review = defineEntity({
  name: 'Review',
  tableName: 'review',
  properties: (p) => ({
    id: p.integer().primary(),
    version: p.integer().version(),
    product: () => p.manyToOne(Product).ref(),
  }),
});

/** The table of what belongs to a product. */
export const reviewTable =
  'create table review (id int primary key, version int not null default 1, product_id int not null references product (id) on delete cascade)';

const common: Options = { ensureDatabase: false, entities: [Product, Review] };

/** On a pool of its own. */
export function openAlone(url: string, given: Options = {}): Promise<MikroORM> {
  const options: Options = { ...common, clientUrl: url, pool: { max: 4 }, ...given };
  return MikroORM.init(options);
}

/** As the docs say. */
export async function openBound(database: Database<'default'>, given: Options = {}): Promise<MikroORM> {
  const pool = ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) });
  const driverOptions = new PostgresDialect({ pool, cursor: Cursor });
  const [{ name } = { name: '' }] = (
    await database.current.query<{ name: string }>('select current_database() as name')
  ).rows;
  const options: Options = { ...common, dbName: name, driverOptions, ...given };
  return bindMikroOrm(await MikroORM.init(options), database);
}

export const openings: Openings<MikroORM> = {
  alone: (url) => openAlone(url),
  bound: (database) => openBound(database),
  close: (orm) => orm.close(),
};

export type MikroUsage = Usage<MikroORM>;

/** What users look at in an error of MikroORM. */
export async function shapeOf(promise: Promise<unknown>): Promise<object> {
  const error = await rejection(promise);
  const { name, code, severity, constraint, table, detail } = error;
  const message = error.message.replaceAll(/\s+/g, ' ').slice(0, 80);
  return { name, class: error.constructor.name, code, severity, constraint, table, detail, message };
}

export class Refusal extends Error {}

export const refuse = (): never => {
  throw new Refusal('refused');
};
