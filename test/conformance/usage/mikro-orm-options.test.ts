// Options of MikroORM's own types: each has its effect as with a pool of its own, or is refused by its name.
import {
  type ConnectionOptions,
  FlushMode,
  LockMode,
  type TransactionOptions,
  type TransactionPropagation,
} from '@mikro-orm/core';
import type { MikroORM, EntityManager, Options as PostgresOptions } from '@mikro-orm/postgresql';
import { PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { useTestDatabase } from '../../support/database.ts';
import { rejection } from '../../support/settled.ts';
import { openAlone, openBound, Product, reviewTable } from './mikro-orm.ts';

const server = useTestDatabase(reviewTable);
const opened: MikroORM[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((orm) => orm.close()));
});
const keep = async (orm: Promise<MikroORM>): Promise<MikroORM> => {
  opened.push(await orm);
  return await orm;
};

type See = (em: EntityManager, options: TransactionOptions) => Promise<unknown>;
interface Case {
  readonly options: TransactionOptions;
  readonly see: See;
  /** In an ambient transaction on purpose. */
  readonly inside?: unknown;
  /** Nothing of it is to be seen in a row or a result. */
  readonly isSilent?: boolean;
}

const setting =
  (name: string): See =>
  (em, options) =>
    em
      .transactional(async (inner) => await inner.getKysely().executeQuery(pgQuery(`show ${name}`)), options)
      .then(({ rows }) => rows)
      .catch(({ code }: Error & { code: unknown }) => code);
const pgQuery = (sql: string): never =>
  ({ sql, parameters: [], query: { kind: 'RawNode' }, queryId: { queryId: 'one' } }) as never;
const found: See = async (em, options) => {
  const known = em.create(Product, { id: 1 });
  await em.flush();
  return await em.transactional(async (inner) => {
    const same = await inner.findOneOrFail(Product, 1);
    inner.create(Product, { id: 2 });
    return [same === known, await inner.count(Product), inner.isInTransaction()];
  }, options);
};

const cases: Record<Exclude<keyof TransactionOptions, 'propagation' | 'ctx' | 'sessionContext'>, Case> = {
  isolationLevel: {
    options: { isolationLevel: 'serializable' },
    see: setting('transaction_isolation'),
    inside: 'INCOMPATIBLE_TRANSACTION',
  },
  readOnly: {
    options: { readOnly: true },
    see: setting('transaction_read_only'),
    inside: [{ transaction_read_only: 'off' }],
  },
  clear: { options: { clear: true }, see: found },
  flushMode: { options: { flushMode: FlushMode.ALWAYS }, see: found, isSilent: true },
  ignoreNestedTransactions: { options: { ignoreNestedTransactions: true }, see: found, isSilent: true },
  loggerContext: { options: { loggerContext: { shop: 'yes' } }, see: found, isSilent: true },
  signal: {
    options: { signal: AbortSignal.abort(new Error('left')) },
    see: (em, options) => found(em, options).catch(({ name, message }: Error) => [name, message]),
  },
  inflightQueryAbortStrategy: { options: { inflightQueryAbortStrategy: 'cancel query' }, see: found, isSilent: true },
};

describe("options of MikroORM's transactions", () => {
  it.each(Object.entries(cases))('%s', async (_, { options, see, inside, isSilent }) => {
    const run = async (orm: Promise<MikroORM>, given: TransactionOptions): Promise<unknown> => {
      await server.sql('delete from product');
      return await see((await keep(orm)).em.fork(), { ...given });
    };
    const right = await run(openAlone(server.url), options);
    if (isSilent !== true) expect(await run(openAlone(server.url), {})).not.toEqual(right);
    const database = server.open({ max: 1 });
    expect(await run(openBound(database), options)).toEqual(right);
    const orm = openBound(database);
    expect(await database.transaction(() => run(orm, options))).toEqual(inside ?? right);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
  });
});

describe("propagation of MikroORM with the context of another entity manager's transaction, which fails", () => {
  interface Became {
    /** Whether it was in a transaction, or the name of its error. */
    readonly sees: unknown;
    readonly rows: readonly number[];
  }
  const joins: Became = { sees: true, rows: [] };
  const alone: Became = { sees: false, rows: [2] };
  /** Where there is none, that of the context is what is ambient. */
  const table: Record<`${TransactionPropagation}`, { right: Became; bound?: Became }> = {
    nested: { right: joins },
    required: { right: joins },
    requires_new: { right: { sees: true, rows: [2] } },
    not_supported: { right: alone },
    supports: { right: alone, bound: joins },
    mandatory: { right: { sees: 'TransactionStateError', rows: [] }, bound: joins },
    never: { right: alone, bound: { sees: 'TransactionNotAllowedError', rows: [] } },
  };

  it.each(Object.entries(table))('%s', async (propagation, { right, bound }) => {
    const run = async (opening: Promise<MikroORM>): Promise<Became> => {
      await server.sql('delete from product');
      const orm = await keep(opening);
      let sees: unknown;
      const undone = orm.em.fork().transactional(async (outer) => {
        await outer.insert(Product, { id: 1 });
        const options = { propagation: propagation as TransactionPropagation, ctx: outer.getTransactionContext() };
        const inner = orm.em.fork().transactional(async (em) => {
          await em.insert(Product, { id: 2 });
          return em.isInTransaction();
        }, options);
        sees = await inner.catch(({ name }: Error) => name);
        throw new RangeError('sold out');
      });
      expect(await rejection(undone)).toBeInstanceOf(RangeError);
      return { sees, rows: await server.products() };
    };
    expect(await run(openAlone(server.url))).toEqual(right);
    const database = server.open({ max: 3 });
    expect(await run(openBound(database))).toEqual(bound ?? right);
    const orm = openBound(database);
    expect(await database.transaction(() => run(orm))).toEqual(bound ?? right);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
  });
});

describe('lock modes of MikroORM', () => {
  const modes: Record<Exclude<keyof typeof LockMode, 'OPTIMISTIC'>, string | undefined> = {
    NONE: undefined,
    PESSIMISTIC_READ: 'for share',
    PESSIMISTIC_WRITE: 'for update',
    PESSIMISTIC_PARTIAL_WRITE: 'for update skip locked',
    PESSIMISTIC_WRITE_OR_FAIL: 'for update nowait',
    PESSIMISTIC_PARTIAL_READ: 'for share skip locked',
    PESSIMISTIC_READ_OR_FAIL: 'for share nowait',
  };

  it.each(Object.entries(modes))('%s, in a transaction of MikroORM and an ambient one', async (name, clause) => {
    await server.sql('insert into product (id) values (1)');
    const database = server.open({ max: 1 });
    const orm = await keep(openBound(database));
    const lockMode = LockMode[name as keyof typeof modes];
    const seen: unknown[] = [];
    const look = async (em: EntityManager): Promise<void> => {
      await em.fork({ keepTransactionContext: true }).find(Product, {}, { lockMode });
      const stolen = server.sql('select id from product for update nowait');
      seen.push(
        await stolen.then(
          () => 'free',
          ({ code }: { code: unknown }) => code,
        ),
      );
    };
    await orm.em.fork().transactional((em) => look(em));
    await database.transaction(() => look(orm.em.fork()));
    expect(seen).toEqual(Array.from({ length: 2 }, () => (clause === undefined ? 'free' : '55P03')));
  });
});

describe("options of MikroORM's configuration that go with its connection", () => {
  /** What says where the database is, which its command line reads, and what the schema generator does. */
  const elsewhere = 'elsewhere';
  const options: Record<keyof ConnectionOptions | 'replicas' | 'sessionContext', PostgresOptions | typeof elsewhere> = {
    replicas: { replicas: [{ host: 'elsewhere' }] },
    pool: { pool: { max: 3 } },
    onCreateConnection: { onCreateConnection: () => Promise.resolve() },
    onReserveConnection: { onReserveConnection: () => Promise.resolve() },
    sessionContext: { sessionContext: 'connection' },
    driverOptions: elsewhere,
    dbName: elsewhere,
    schema: elsewhere,
    name: elsewhere,
    clientUrl: elsewhere,
    host: elsewhere,
    port: elsewhere,
    user: elsewhere,
    password: elsewhere,
    charset: elsewhere,
    collate: elsewhere,
    multipleStatements: elsewhere,
    attachDatabases: elsewhere,
  };
  const refused = Object.entries(options).filter((entry): entry is [string, PostgresOptions] => entry[1] !== elsewhere);

  it.each(refused)('%s is refused by its name', async (name, given) => {
    const error = await rejection(openBound(server.open(), given));
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error.message).toContain(`"${name}"`);
  });

  it('driverOptions that are not over the ambient pool are refused in a transaction', async () => {
    const database = server.open();
    const pool = new pg.Pool({ connectionString: server.url });
    const orm = await keep(openBound(database, { driverOptions: new PostgresDialect({ pool }) }));
    const add = (): Promise<void> => orm.em.fork().transactional((em) => void em.create(Product, { id: 1 }));
    expect(await rejection(add())).toMatchObject({ code: 'INVALID_OPTION' });
    expect(await rejection(database.transaction(add))).toMatchObject({ code: 'INVALID_OPTION' });
    expect(await server.products()).toEqual([]);
  });
});
