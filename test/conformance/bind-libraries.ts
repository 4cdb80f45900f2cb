// The libraries that are bound, as the tests of bad input use them.
import { EntitySchema as MikroSchema } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import createKnex, { type Knex } from 'knex';
import { Kysely, PostgresDialect, sql as kyselySql } from 'kysely';
import type pg from 'pg';
import type { Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { bindKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { bindMikroOrm } from '../../src/integrations/mikro-orm/index.ts';
import { bindPrisma } from '../../src/integrations/prisma/index.ts';
import type { generatePrismaClient } from '../support/prisma-client.ts';

/** A handle of a library, as the tests use it. */
export interface Handle {
  /** What is given to its bind. */
  readonly handle: object;
  /** Inserts `id` in a transaction of the library, and does `then` in it. */
  readonly insertIn: (handle: object, id: number, then?: () => Promise<unknown>) => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

type Bind = (handle: never, database: Database, clientName?: string) => object;

export interface Library {
  readonly bind: Bind;
  readonly open: (pool: pg.Pool) => Handle | Promise<Handle>;
  /** An object with what the bind looks for, which is no handle. */
  readonly mock: (transaction: (...args: readonly unknown[]) => unknown) => object;
}

type PrismaClient = Awaited<ReturnType<typeof generatePrismaClient>>;

export const insertText = (id: number): string => `insert into product (id) values (${id})`;
const Product = new MikroSchema<{ id: number }>({
  name: 'Product',
  tableName: 'product',
  properties: { id: { type: 'integer', primary: true } },
});

export function kyselyOn(pool: pg.Pool, KyselyClass: typeof Kysely = Kysely): Handle {
  const handle = new KyselyClass({ dialect: new PostgresDialect({ pool }) });
  return {
    handle,
    insertIn: (given, id, then) =>
      (given as typeof handle).transaction().execute(async (trx) => {
        await kyselySql.raw(insertText(id)).execute(trx);
        await then?.();
      }),
    close: () => handle.destroy(),
  };
}

export function drizzleOn(pool: pg.Pool, make: typeof drizzle = drizzle): Handle {
  const handle = make(pool);
  return {
    handle,
    insertIn: (given, id, then) =>
      (given as typeof handle).transaction(async (tx) => {
        await tx.execute(sql.raw(insertText(id)));
        await then?.();
      }),
    close: () => Promise.resolve(),
  };
}

export function knexOn(connectionPool: pg.Pool, make: typeof createKnex = createKnex): Handle {
  const handle = make({ client: 'pg', connectionPool: connectionPool as never });
  return {
    handle,
    insertIn: async (given, id, then) =>
      await (given as Knex).transaction(async (trx) => {
        await trx.raw(insertText(id));
        await then?.();
      }),
    close: () => handle.destroy(),
  };
}

function prismaOn(PrismaClient: PrismaClient, pool: pg.Pool): Handle {
  const handle = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    handle,
    insertIn: (given, id, then) =>
      (given as typeof handle).$transaction(async (tx) => {
        await tx.$executeRawUnsafe(insertText(id));
        await then?.();
      }),
    close: () => handle.$disconnect(),
  };
}

async function mikroOrmOn(pool: pg.Pool): Promise<Handle> {
  const handle = await MikroORM.init({
    dbName: 'the one of the pool',
    ensureDatabase: false,
    entities: [Product],
    driverOptions: new PostgresDialect({ pool }),
  });
  return {
    handle,
    insertIn: (given, id, then) =>
      (given as typeof handle).em.fork().transactional(async (em) => {
        await em.execute(insertText(id));
        await then?.();
      }),
    close: () => handle.close(),
  };
}

const self = (): object => ({});
/** By the name of the bind. */
export const librariesWith = (PrismaClient: PrismaClient): Readonly<Record<string, Library>> => ({
  bindKysely: {
    bind: bindKysely,
    open: (pool) => kyselyOn(pool),
    mock: (transaction) => ({
      transaction: () => ({ setAccessMode: self, setIsolationLevel: self, execute: transaction }),
      connection: self,
      withPlugin: self,
      withoutPlugins: self,
      withSchema: self,
    }),
  },
  bindDrizzle: { bind: bindDrizzle, open: (pool) => drizzleOn(pool), mock: (transaction) => ({ transaction }) },
  bindKnex: {
    bind: bindKnex as Bind,
    open: (pool) => knexOn(pool),
    mock(transaction) {
      const context = { transaction, withUserParams: self, client: { acquireConnection: self } };
      return Object.assign((...args: unknown[]) => args, {
        context,
        transaction: (...args: unknown[]): unknown => context.transaction(...args),
      });
    },
  },
  bindPrisma: {
    bind: bindPrisma,
    open: (pool) => prismaOn(PrismaClient, pool),
    mock: (transaction) => ({ $transaction: transaction, $extends: self }),
  },
  bindMikroOrm: {
    bind: bindMikroOrm,
    open: mikroOrmOn,
    mock(transaction) {
      const connection = { transactional: transaction, begin: transaction, getClient: self };
      const fork = (): object => ({ fork, isInTransaction: () => false, transactional: connection.transactional });
      return {
        config: { get: () => undefined },
        em: Object.assign(fork(), {
          getConnection: () => connection,
          getDriver: () => ({ createQueryBuilder: self }),
          fork: () => ({
            ...fork(),
            transactional: (...args: unknown[]) => connection.transactional(...args),
          }),
        }),
      };
    },
  },
});
