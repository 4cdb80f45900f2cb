// TypeORM as its users have it, on both servers.
import { DataSource, EntitySchema } from 'typeorm';
import { createDataSource } from '../../../src/integrations/typeorm/index.ts';
import { engine } from '../../support/database.ts';
import { failureOf, type Openings, type Usage } from './suite.ts';

export type TypeOrmUsage = Usage<DataSource>;

export interface Product {
  id: number;
  stock?: number;
  name?: string | null;
  parts?: Promise<Part[]>;
}
export const Product = new EntitySchema<Product>({
  name: 'product',
  columns: {
    id: { type: 'int', primary: true },
    stock: { type: 'int', default: 0 },
    name: { type: 'text', nullable: true },
  },
  relations: { parts: { type: 'one-to-many', target: 'part', inverseSide: 'product', lazy: true } },
});

export interface Part {
  id: number;
  version?: number;
  product?: Product;
}
export const Part = new EntitySchema<Part>({
  name: 'part',
  columns: { id: { type: 'int', primary: true }, version: { type: 'int', version: true } },
  relations: { product: { type: 'many-to-one', target: 'product', inverseSide: 'parts', cascade: true } },
});

export interface Category {
  id: number;
  parent?: Category | null;
  children?: Category[];
}
export const Category = new EntitySchema<Category>({
  name: 'category',
  trees: [{ type: 'materialized-path' }],
  columns: { id: { type: 'int', primary: true } },
  relations: {
    parent: { type: 'many-to-one', target: 'category', treeParent: true },
    children: { type: 'one-to-many', target: 'category', treeChildren: true },
  },
});

/** It has no table before it is synchronized. */
const Bin = new EntitySchema<{ id: number }>({
  name: 'bin',
  columns: { id: { type: 'int', primary: true, generated: true } },
});

/** The tables beside `product`. */
export const schema = [
  'create table part (id int primary key, version int not null, productId int)',
  `create table category (id int primary key, mpath varchar(255) default '', parentId int)`,
].map((statement) => (engine.name === 'postgres' ? statement.replaceAll(/(\w+Id) /g, '"$1" ') : statement));

const entities = [Product, Part, Category, Bin];

export const openings: Openings<DataSource> = {
  alone: (url) => {
    const options =
      engine.name === 'mariadb'
        ? ({ type: 'mariadb', url, poolSize: 4 } as const)
        : ({ type: 'postgres', url, poolSize: 4 } as const);
    return new DataSource({ ...options, entities }).initialize();
  },
  bound: (database) =>
    createDataSource(database, { ...(engine.name === 'mariadb' ? { type: 'mariadb' } : {}), entities }).initialize(),
  close: (dataSource) => dataSource.destroy(),
};

/** How many products others see. */
export async function seenBeside(server: { products(): Promise<number[]> }): Promise<number> {
  return (await server.products()).length;
}

/** As `failureOf`, of what may succeed. */
export async function failureIfAny(promise: Promise<unknown>): Promise<object | undefined> {
  return await promise.then(
    () => undefined,
    (error: unknown) => failureOf(Promise.reject(error)),
  );
}
