// The ambient pool for mysql2; the suite of the libraries is in mariadb-libraries.test.ts.
import type { Pool, PoolConnection } from 'mysql2';
import { describe, expect, it } from 'vitest';
import { ambientPool as postgresPool } from '../../src/drivers/postgres/index.ts';
import { ambientPool } from '../../src/drivers/mysql/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import type { Database } from '../../src/index.ts';
import { characteristicsOf, engine, insert, useTestDatabase } from '../support/database.ts';
import { keepReleased } from '../support/released-suite.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();

function connect(pool: Pool): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => (error === null ? resolve(connection) : reject(error)));
  });
}
const one = (database: Database<'default'>): Pool => ambientPool(database);

it('a connection that was given back holds nothing of its transaction', async () => {
  const database = server.open();
  const pool = one(database).promise();
  await keepReleased(database, () => pool.getConnection());
});

describe('in all forms of mysql2', () => {
  it('with callbacks: pools, connections, options and single values', async () => {
    const pool = one(server.open());
    const ask = (...args: readonly unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        (pool.query as (...all: readonly unknown[]) => void)(...args, (error: Error | null, rows: unknown) =>
          error === null ? resolve(rows) : reject(error),
        );
      });
    expect(await ask('select 1 as a')).toEqual([{ a: 1 }]);
    expect(await ask('select ? as a', ["O'Brien"])).toEqual([{ a: "O'Brien" }]);
    expect(await ask('select ? as a', 7)).toEqual([{ a: 7 }]);
    expect(await ask({ sql: 'select ? as a, 2 as b', rowsAsArray: true }, [1])).toEqual([[1, 2]]);
    expect(await ask({ sql: 'select ? as a', values: [3] })).toEqual([{ a: 3 }]);
    expect(await ask({ sql: 'select id from product', nestTables: true })).toEqual([]);
    const upper = (field: { string(): string }): string => field.string().toUpperCase();
    expect(await ask({ sql: "select 'x' as a", typeCast: upper })).toEqual([{ a: 'X' }]);
    expect(await ask('insert into product set ?', { id: 1, name: 'one' })).toMatchObject({ affectedRows: 1 });
    expect(await ask('select id from product where id in (?)', [[1, 2]])).toEqual([{ id: 1 }]);
    await expect(ask('select nonsense')).rejects.toMatchObject({ code: 'ER_BAD_FIELD_ERROR' });
    for (const value of [() => 1, Symbol('x')]) {
      await expect(ask('select ? as a', [value])).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    }
  });

  it('with columns that are named as what objects have, in a transaction or not', async () => {
    const database = server.open();
    const pool = one(database).promise();
    const names = ['__proto__', '__defineGetter__', 'constructor', 'toString'];
    const text = `select ${names.map((name, at) => `${at} as \`${name}\``).join(', ')}`;
    const columns = names.map((name, at) => [name, at]);
    const look = async (): Promise<void> => {
      const connection = await pool.getConnection();
      for (const [rows, fields] of [
        await pool.query(text),
        await pool.execute(`${text} from dual where 1 = ?`, [1]),
        await connection.query(text),
        await pool.query({ sql: `select * from (${text}) t`, nestTables: true }),
      ]) {
        const [row] = rows as Record<string, object>[];
        const found = row?.['t'] ?? row ?? {};
        expect(Object.entries(found)).toEqual(columns);
        expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
        expect(fields.map(({ name }) => name)).toEqual(names);
      }
      connection.release();
      expect((await pool.query({ sql: text, rowsAsArray: true }))[0]).toEqual([[0, 1, 2, 3]]);
    };
    await look();
    await database.transaction(async () => {
      await insert(database, 1);
      await look();
    });
    expect(await server.products()).toEqual([1]);
  });

  it('with promises, and with values beside the text', async () => {
    const pool = one(server.open()).promise();
    const [rows, fields] = await pool.execute('select ? as a', [1.5]);
    expect(rows).toEqual([{ a: 1.5 }]);
    expect(fields.map(({ name }) => name)).toEqual(['a']);
    const connection = await pool.getConnection();
    expect(await connection.query('select 1 as a')).toMatchObject([[{ a: 1 }], [{ name: 'a' }]]);
    expect(connection.threadId).toBeGreaterThan(0);
    connection.release();
    connection.release();
    expect(await rejection(connection.query('select 1'))).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('with events, and as a stream', async () => {
    const pool = one(server.open());
    const seen: unknown[] = [];
    await new Promise<void>((resolve) => {
      pool
        .query('select 1 as a union select 2')
        .on('result', (row: unknown) => seen.push(row))
        .on('end', resolve);
    });
    expect(seen).toEqual([{ a: 1 }, { a: 2 }]);
    const rows: unknown[] = [];
    for await (const row of pool.query('select 3 as a').stream()) rows.push(row);
    expect(rows).toEqual([{ a: 3 }]);
    const failing = pool.query('select nonsense').stream();
    await expect(failing.toArray()).rejects.toMatchObject({ code: 'ER_BAD_FIELD_ERROR' });
  });

  it.each(['namedPlaceholders', 'timeout'])('and says that %s is not supported', (option) => {
    const pool = one(server.open());
    expect(() => pool.query({ sql: 'select 1', [option]: 1 })).toThrow(option);
  });
});

describe('a connection outside of a transaction', () => {
  it('commits each statement by itself, and in between what it begins', async () => {
    const database = server.open({ max: 1 });
    const connection = (await connect(one(database))).promise();
    await connection.query('insert into product (id) values (1)');
    expect(await server.products()).toEqual([1]);
    await connection.beginTransaction();
    await connection.query('insert into product (id) values (2)');
    expect(await server.products()).toEqual([1]);
    await connection.rollback();
    await connection.beginTransaction();
    await connection.query('insert into product (id) values (3)');
    await connection.commit();
    connection.release();
    expect(await server.products()).toEqual([1, 3]);
  });

  it('that is given back in the middle of what it began is rolled back', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const connection = (await connect(one(database))).promise();
    await connection.query('begin');
    await connection.query('insert into product (id) values (1)');
    connection.release();
    await insert(database, 2);
    expect(await server.products()).toEqual([2]);
  });

  it('leaves no isolation behind, used or not', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const pool = one(database);
    for (const use of [true, false]) {
      const connection = (await connect(pool)).promise();
      await connection.query('set transaction isolation level serializable, read only');
      if (use) {
        await connection.query('start transaction');
        await connection.query('select id from product');
        await connection.query('commit');
      }
      connection.release();
      await until('it is back', () => database.stats().clients.default.used === 0);
      const { isolation, readOnly } = await database.transaction(() => characteristicsOf(database));
      expect({ isolation, readOnly }).toEqual({
        isolation: engine.levels['DEFAULT'],
        readOnly: engine.defaultReadOnly,
      });
      await insert(database, use ? 1 : 2);
    }
  });

  it.each([
    'set autocommit = 0',
    'set session transaction isolation level serializable',
    "set sql_mode = ''",
    'xa start "x"',
  ])('refuses what the next user of the connection would find changed: %s', async (text) => {
    const connection = (await connect(one(server.open()))).promise();
    expect(await rejection(connection.query(text))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
    connection.release();
  });

  it('of which there is none: a pool cannot begin anything', async () => {
    const pool = one(server.open()).promise();
    expect(await rejection(pool.query('start transaction'))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
  });
});

describe('a connection in a transaction', () => {
  it('is a share of it: what it begins nests, and its release gives nothing back', async () => {
    const database = server.open({ max: 1 });
    const pool = one(database);
    await database.transaction(async () => {
      await insert(database, 1);
      const connection = (await connect(pool)).promise();
      await connection.beginTransaction();
      await connection.query('insert into product (id) values (2)');
      await connection.query('savepoint `a``b`');
      await connection.query('insert into product (id) values (3)');
      await connection.query('ROLLBACK TO SAVEPOINT `A``B`');
      await connection.commit();
      await connection.query('/* again */ start transaction read write;');
      await connection.query('insert into product (id) values (4)');
      await connection.rollback();
      connection.release();
      expect(database.stats().clients.default.used).toBe(1);
      expect(await server.products()).toEqual([]);
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  it('refuses DDL, which would commit the ambient transaction', async () => {
    const database = server.open();
    await database.transaction(async () => {
      expect(await rejection(one(database).promise().query('truncate product'))).toMatchObject({
        code: 'IMPLICIT_COMMIT',
      });
    });
  });

  it('keeps values out of the errors', async () => {
    const database = server.open();
    await insert(database, 1);
    const error = await rejection(
      database.transaction(() =>
        one(database).promise().query('insert into product (id, name) values (?, ?)', [1, 'hunter2']),
      ),
    );
    expect(JSON.stringify(error) + String(error.stack)).not.toContain('hunter2');
  });
});

describe('the wrong engine', () => {
  it('is said', async () => {
    const database = server.open();
    expect(() => postgresPool(database)).toThrow(/not made with postgres\(\)/);
  });
});

describe('a data source of TypeORM with a database of its own', () => {
  it('connects as its options say', async () => {
    const dataSource = createDataSource({ type: 'mariadb', url: server.url, pool: { max: 2 }, entities: [] });
    await dataSource.initialize();
    await rejection(
      dataSource.inTransaction(async () => {
        await dataSource.query('insert into product (id) values (1)');
        throw new Error('declined');
      }),
    );
    expect(await server.products()).toEqual([]);
    await dataSource.destroy();
  });
});
