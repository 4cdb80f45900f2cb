// Kysely on SQLite, over the ambient dialect.
import diagnosticsChannel from 'node:diagnostics_channel';
import { DatabaseSync } from 'node:sqlite';
import { type Generated, Kysely, PostgresDialect, sql, SqliteDialect, type Transaction } from 'kysely';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { channelNames, createDatabase, type Database, UnboundLibraryError } from '../../src/index.ts';
import { ambientDialect, bindKysely } from '../../src/integrations/kysely/index.ts';
import { invalid, nonsense, thrown, unknownClient } from '../conformance/bad-input.ts';
import { type Tables as TablesByHand, kyselyByHand } from '../conformance/by-hand-libraries.ts';
import { byHandSuite } from '../conformance/by-hand-suite.ts';
import { type Library, librarySuite, type LibraryTransaction } from '../conformance/library-suite.ts';
import { sqliteDatabase } from '../conformance/usage/kysely.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

interface Tables {
  product: { id: number; stock: Generated<number>; name: string | null };
}
type Handle = Kysely<Tables>;

const insert = (handle: Handle, id: number): Promise<unknown> => handle.insertInto('product').values({ id }).execute();
const ids = async (handle: Handle): Promise<number[]> =>
  (await handle.selectFrom('product').select('id').orderBy('id').execute()).map(({ id }) => id);

async function increment(handle: Handle, id: number): Promise<unknown> {
  const { stock } = await handle.selectFrom('product').select('stock').where('id', '=', id).executeTakeFirstOrThrow();
  return await handle
    .updateTable('product')
    .set({ stock: stock + 1 })
    .where('id', '=', id)
    .execute();
}

function kyselyOf(kysely: Handle): Library {
  const within = (transaction: Transaction<Tables>): LibraryTransaction => ({
    insert: (id) => insert(transaction, id),
    increment: (id) => increment(transaction, id),
  });
  return {
    insert: (id) => insert(kysely, id),
    increment: (id) => increment(kysely, id),
    ids: () => ids(kysely),
    fail: () => sql.raw(engine.sql.failing).execute(kysely),
    transaction(body, isolation) {
      const builder = kysely.transaction();
      const isolated = isolation === undefined ? builder : builder.setIsolationLevel(isolation);
      return isolated.execute((transaction) => body(within(transaction)));
    },
    stream: (count) =>
      kysely
        .withRecursive('series(n)', (db) =>
          db.selectNoFrom(sql<number>`1`.as('n')).unionAll(
            db
              .selectFrom('series')
              .select(sql<number>`n + 1`.as('n'))
              .where('n', '<', count),
          ),
        )
        .selectFrom('series')
        .select('n')
        .stream(100),
    close: () => kysely.destroy(),
  };
}

librarySuite('Kysely', {
  open: (database) => kyselyOf(bindKysely(new Kysely<Tables>({ dialect: ambientDialect(database) }), database)),
  openUnbound: (database) => kyselyOf(new Kysely<Tables>({ dialect: ambientDialect(database) })),
  openAlone: (url) => kyselyOf(new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqliteDatabase(url) }) })),
});

const server = useTestDatabase();
byHandSuite('Kysely', server, (database) =>
  kyselyByHand(bindKysely(new Kysely<TablesByHand>({ dialect: ambientDialect(database) }), database)),
);

const on = (database: Database<'default'>): Handle => new Kysely<Tables>({ dialect: ambientDialect(database) });
const bound = (database: Database<'default'>): Handle => bindKysely(on(database), database);
const raw = (handle: Handle, text: string): Promise<unknown> => sql.raw(text).execute(handle);

let database: Database<'default'>;
let kysely: Handle;
beforeEach(() => {
  database = server.open();
  kysely = bound(database);
});

describe('what is given to ambientDialect and bindKysely', () => {
  it.each(nonsense)('%s for a database', (_, value) => {
    expect(thrown(() => ambientDialect(value as never))).toMatchObject(invalid);
  });

  it('a client that is not there', () => {
    expect(thrown(() => ambientDialect(database, 'archive' as never))).toMatchObject(unknownClient);
  });

  it('a client whose engine has a pool: it names the dialect of Kysely', async () => {
    await using other = createDatabase({ clients: { default: postgres({ host: '127.0.0.1', port: 1 }) } });
    const error = thrown(() => ambientDialect(other));
    expect(error).toMatchObject(invalid);
    expect(error.message).toContain('new PostgresDialect({ pool: ambientPool(database) })');
  });

  it('a handle over another database, client, engine or connection, of which nothing would join', async () => {
    await using other = createDatabase({ clients: { default: sqlite(), archive: sqlite() } });
    await using remote = createDatabase({ clients: { default: postgres({ host: '127.0.0.1', port: 1 }) } });
    const file = sqliteDatabase(server.url);
    for (const bind of [
      () => bindKysely(kysely, other),
      () => bindKysely(on(database), other),
      () => bindKysely(new Kysely({ dialect: ambientDialect(other, 'archive') }), other),
      () => bindKysely(on(database), remote),
      () => bindKysely(new Kysely({ dialect: new SqliteDialect({ database: file }) }), database),
      () => bindKysely(new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool() }) }), database),
      () => bindKysely(new Kysely({ dialect: new PostgresDialect({ pool: ambientPool(remote) }) }), database),
    ])
      expect(thrown(bind)).toMatchObject(invalid);
    file.close();
    expect(bindKysely(kysely, database)).toBe(kysely);
  });

  it('a database that was closed: its queries and transactions are refused', async () => {
    await database.close();
    const late = bound(database);
    expect(await rejection(insert(late, 1))).toMatchObject({ code: 'DATABASE_CLOSED' });
    expect(await rejection(late.transaction().execute((trx) => insert(trx, 1)))).toMatchObject({
      code: 'DATABASE_CLOSED',
    });
  });

  it('no bind: its first transaction is named', async () => {
    const strict = server.open({}, { unbound: 'error' });
    const error = await rejection(
      on(strict)
        .transaction()
        .execute((trx) => insert(trx, 1)),
    );
    expect(UnboundLibraryError.find(error)?.message).toContain('bindKysely(kysely, database)');
    expect(await server.products()).toEqual([]);
    await bound(strict)
      .transaction()
      .execute((trx) => insert(trx, 2));
    expect(await server.products()).toEqual([2]);
  });
});

describe('a transaction of Kysely on SQLite', () => {
  const levels = ['read uncommitted', 'read committed', 'repeatable read', 'snapshot', 'serializable'] as const;

  it.each(levels)('%s is given, which every transaction is, also in an ambient one', async (level) => {
    const begin = (id: number): Promise<unknown> =>
      kysely
        .transaction()
        .setIsolationLevel(level)
        .execute((trx) => insert(trx, id));
    await begin(1);
    await database.transaction(() => begin(2));
    const trx = await kysely.startTransaction().setIsolationLevel(level).execute();
    await insert(trx, 3);
    await trx.commit().execute();
    expect(await server.products()).toEqual([1, 2, 3]);
  });

  it('that only reads cannot write, by function and by hand, and leaves nothing of that on the connection', async () => {
    const reading = kysely
      .transaction()
      .setAccessMode('read only')
      .execute((trx) => insert(trx, 1));
    expect(await rejection(reading)).toMatchObject(engine.errors.readOnly);
    const trx = await kysely.startTransaction().setAccessMode('read only').execute();
    expect(await rejection(insert(trx, 1))).toMatchObject(engine.errors.readOnly);
    await trx.rollback().execute();
    await insert(kysely, 2);
    expect(await server.products()).toEqual([2]);
  });

  it('that SQLite has ended: its commit by hand is refused, and the connection is sound', async () => {
    await insert(kysely, 1);
    const trx = await kysely.startTransaction().execute();
    await insert(trx, 2);
    await rejection(raw(trx, 'insert or rollback into product (id) values (1)'));
    expect(await rejection(trx.commit().execute())).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
    await trx.rollback().execute();
    await kysely.transaction().execute((next) => insert(next, 3));
    expect(await server.products()).toEqual([1, 3]);
  });

  it('waits for the writer of another program when it begins, and what waits can be cancelled', async () => {
    const other = new DatabaseSync(server.url);
    other.exec('begin immediate');
    await using patient = createDatabase({ clients: { default: sqlite({ file: server.url, busyTimeout: 600_000 }) } });
    const waiting = bound(patient);
    const abort = new AbortController();
    const query = waiting.insertInto('product').values({ id: 1 });
    const failed = rejection(query.execute({ signal: abort.signal, inflightQueryAbortStrategy: 'cancel query' }));
    await until('it has a connection', () => patient.stats().clients.default.used === 1);
    abort.abort(new RangeError('no longer wanted'));
    expect(await failed).toBeInstanceOf(RangeError);
    await until('its connection is back', () => patient.stats().clients.default.used === 0);
    const begun = waiting.startTransaction().execute();
    await until('it has a connection', () => patient.stats().clients.default.used === 1);
    other.exec('commit');
    await (await begun).rollback().execute();
    other.close();
    expect(await server.products()).toEqual([]);
  });

  it('that waits keeps out none of those it waits for', async () => {
    let waiting: Promise<unknown> = Promise.resolve();
    await database.transaction(async () => {
      await insert(kysely, 1);
      waiting = new Promise((resolve, reject) => {
        database.detached(() => void insert(kysely, 3).then(resolve, reject));
      });
      await until('the other one waits', () => database.stats().clients.default.waiting === 1);
      await insert(kysely, 2);
      expect(await ids(kysely)).toEqual([1, 2]);
    });
    await waiting;
    expect(await server.products()).toEqual([1, 2, 3]);
  });

  it('is on a database in memory too', async () => {
    await using inMemory = createDatabase({ clients: { default: sqlite() } });
    const own = bound(inMemory);
    await own.schema.createTable('product').addColumn('id', 'integer').execute();
    await inMemory.transaction(async () => {
      await insert(own, 1);
      await rejection(own.transaction().execute((trx) => insert(trx, 2).then(() => Promise.reject(new Error('no')))));
    });
    expect(await ids(own)).toEqual([1]);
  });
});

describe('what begins and ends transactions as raw SQL', () => {
  it('is as it is on a connection outside of a transaction', async () => {
    await kysely.connection().execute(async (own) => {
      await raw(own, 'begin');
      await insert(own, 1);
      await raw(own, 'COMMIT');
      await raw(own, 'begin immediate transaction');
      await insert(own, 2);
      await raw(own, 'savepoint inner_one');
      await insert(own, 3);
      await raw(own, 'rollback to inner_one');
      await raw(own, 'end');
      await raw(own, 'savepoint alone');
      await insert(own, 4);
      await raw(own, 'release savepoint alone');
    });
    expect(await server.products()).toEqual([1, 2, 4]);
  });

  it('keeps others out of a database in memory until it has ended', async () => {
    await using inMemory = createDatabase({ clients: { default: sqlite({ busyTimeout: 50 }) } });
    const isFree = (): Promise<boolean> =>
      inMemory
        .switchDbIsolate(() => inMemory.query('select 1'))
        .then(
          () => true,
          () => false,
        );
    await bound(inMemory)
      .connection()
      .execute(async (own) => {
        await raw(own, 'begin');
        expect(await isFree()).toBe(false);
        await raw(own, 'commit');
        expect(await isFree()).toBe(true);
      });
  });

  it('is rolled back and reported where it is left open', async () => {
    const reported: unknown[] = [];
    const listen = (event: unknown): void => void reported.push((event as { error: { code: string } }).error.code);
    diagnosticsChannel.subscribe(channelNames.backgroundError, listen);
    await kysely.connection().execute(async (own) => {
      await raw(own, 'begin');
      await insert(own, 1);
    });
    diagnosticsChannel.unsubscribe(channelNames.backgroundError, listen);
    expect(reported).toEqual(['TRANSACTION_CONTROL']);
    await insert(kysely, 2);
    expect(await server.products()).toEqual([2]);
  });

  it('is a nested scope in an ambient transaction, which it cannot end', async () => {
    await database.transaction(async () => {
      await kysely.connection().execute(async (own) => {
        await raw(own, 'savepoint "Inner"');
        await insert(own, 1);
        await raw(own, 'rollback to savepoint inner;');
        await raw(own, 'release inner');
        await insert(own, 2);
        expect(await rejection(raw(own, 'commit'))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
      });
      await insert(kysely, 3);
    });
    expect(await server.products()).toEqual([2, 3]);
  });

  it.each(['pragma foreign_keys = off', 'pragma query_only = 1', 'begin exclusive and more'])(
    '%s is refused, which the next holder of the connection would find',
    async (text) => {
      expect(await rejection(raw(kysely, text))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
      expect(await rejection(database.transaction(() => raw(kysely, text)))).toMatchObject({
        code: 'TRANSACTION_CONTROL',
      });
    },
  );
});

describe('results and connections', () => {
  it('an insert gives the key, also one with a WITH before it; what changes rows counts them', async () => {
    const insertWith = kysely
      .with('old', (db) => db.selectNoFrom(sql<number>`7`.as('n')))
      .insertInto('product')
      .expression((from) => from.selectFrom('old' as never).select([sql<number>`n`.as('id')]) as never);
    await insert(kysely, 1);
    expect(await kysely.insertInto('product').values({ id: 5 }).executeTakeFirst()).toMatchObject({
      insertId: 2n,
      numInsertedOrUpdatedRows: 1n,
    });
    expect(await sql`with old as (select 7 as n) insert into product (id) select n from old`.execute(kysely)).toEqual({
      rows: [],
      insertId: 3n,
      numAffectedRows: 1n,
    });
    expect(insertWith.compile().sql).toMatch(/^with/);
    expect(await kysely.updateTable('product').set({ stock: 2 }).executeTakeFirst()).toMatchObject({
      numUpdatedRows: 3n,
    });
    const returning = kysely.deleteFrom('product').where('id', '=', 5).returning(['id', 'stock']);
    expect(await returning.execute()).toEqual([{ id: 5, stock: 2 }]);
  });

  it('values are stored as SQLite can, and large integers come as text', async () => {
    const at = new Date(0);
    await sql`insert into product (id, stock, name) values (9007199254740993, ${true}, ${at})`.execute(kysely);
    const rows = await kysely.selectFrom('product').selectAll().execute();
    expect(rows).toEqual([{ id: '9007199254740993', stock: 1, name: at.toISOString() }]);
  });

  it('a connection that was kept is refused after its end', async () => {
    const keep = (): Promise<Handle> => kysely.connection().execute((own) => Promise.resolve(own));
    expect(await rejection(insert(await keep(), 1))).toMatchObject(invalid);
    const kept = await database.transaction(keep);
    expect(await rejection(insert(kept, 1))).toMatchObject({ code: 'TRANSACTION_ENDED' });
  });

  it('a reserved connection streams, and is its own before and after', async () => {
    for (let id = 1; id <= 3; id++) await insert(kysely, id);
    const seen: number[] = [];
    await kysely.connection().execute(async (own) => {
      const rows = own.selectFrom('product').select('id').orderBy('id');
      for await (const { id } of rows.stream()) {
        seen.push(id);
        if (id === 1) await kysely.deleteFrom('product').where('id', '=', 2).execute();
      }
      await raw(own, 'begin');
      await insert(own, 4);
      for await (const { id } of rows.stream()) seen.push(id);
      await raw(own, 'rollback');
    });
    expect(seen).toEqual([1, 2, 3, 1, 3, 4]);
  });

  it('ending the handle ends no connection', async () => {
    await insert(kysely, 1);
    await kysely.destroy();
    await database.current.query('insert into product (id) values (2)');
    expect(await server.products()).toEqual([1, 2]);
  });
});

afterEach(() => kysely.destroy());
