// What was prepared before a table, a type or the search path became another one.
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { type Database, statement } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase(
  'create table migrated (value int)',
  "create type color as enum ('red')",
  'create schema north create table price (id int, amount int)',
  'create schema south create table price (id text, amount text, currency text)',
  `create function forget_plans() returns void language plpgsql as $$ begin execute 'deallocate all'; end $$`,
);

interface Migration {
  readonly name: string;
  readonly before: string;
  readonly first: unknown;
  readonly change: string;
  readonly second: unknown;
  readonly stored: unknown;
}

const migrations: readonly Migration[] = [
  {
    name: 'int to bigint',
    before: 'alter table migrated add value int',
    first: 1,
    change: 'alter table migrated alter value type bigint',
    second: 5_000_000_000,
    stored: '5000000000',
  },
  {
    name: 'int to text',
    before: 'alter table migrated add value int',
    first: 1,
    change: 'alter table migrated alter value type text',
    second: 'abc',
    stored: 'abc',
  },
  {
    name: 'text to jsonb',
    before: 'alter table migrated add value text',
    first: '{}',
    change: 'alter table migrated alter value type jsonb using value::jsonb',
    second: '{"a":1}',
    stored: { a: 1 },
  },
  {
    name: 'an enum that is replaced',
    before: 'alter table migrated add value color',
    first: 'red',
    change: `alter type color rename to old_color; create type color as enum ('red', 'blue');
      alter table migrated alter value type color using value::text::color; drop type old_color`,
    second: 'blue',
    stored: 'blue',
  },
  {
    name: 'date to text',
    before: 'alter table migrated add value date',
    first: '2026-01-01',
    change: 'alter table migrated alter value type text',
    second: 'someday',
    stored: 'someday',
  },
];

const narrow = (): Database<'default'> => server.open({ max: 1, maxLevel: 0 });
const store = (database: Database<'default'>, value: unknown): Promise<unknown> =>
  database.current.query('insert into migrated (value) values ($1)', [value]);
const find = (database: Database<'default'>, value: unknown): Promise<unknown> =>
  database.current.query('select count(*)::int as count from migrated where value = $1', [value]);

async function stored(): Promise<unknown[]> {
  return (await server.sql<{ value: unknown }>('select value from migrated')).map(({ value }) => value);
}

async function startOf({ before, first }: Migration, work: (first: unknown) => Promise<unknown>): Promise<void> {
  await server.sql('truncate migrated');
  await server.sql('alter table migrated drop if exists value');
  await server.sql(before);
  for (let turn = 0; turn < 3; turn += 1) await work(first);
  await server.sql('truncate migrated');
}

async function change(text: string): Promise<void> {
  for (const statement of text.split(';')) await server.sql(statement);
}

describe.each(migrations)('a column whose type changes: $name', (migration) => {
  const { second, stored: expected } = migration;

  it('outside of a transaction nobody notices', async () => {
    const database = narrow();
    await startOf(migration, (first) => store(database, first));
    await change(migration.change);
    for (let turn = 0; turn < 3; turn += 1) await store(database, second);
    expect(await stored()).toEqual([expected, expected, expected]);
  });

  it('nor where it is met by the first statement of a transaction', async () => {
    const database = narrow();
    await startOf(migration, (first) => database.transaction(() => store(database, first)));
    await change(migration.change);
    await database.transaction(async () => {
      await store(database, second);
      await store(database, second);
    });
    expect(await stored()).toEqual([expected, expected]);
  });

  it('nor where it is met by a batch, which runs once', async () => {
    const database = narrow();
    const batch = (value: unknown): Promise<unknown> =>
      database.current.batch([
        statement('insert into product (id) values (1) on conflict (id) do update set stock = product.stock + 1'),
        statement('insert into migrated (value) values ($1)', [value]),
      ]);
    await startOf(migration, batch);
    await change(migration.change);
    await batch(second);
    expect(await stored()).toEqual([expected]);
    expect(await server.sql('select stock from product')).toEqual([{ stock: 3 }]);
  });

  it('in the middle of a transaction the failure is repeated by retry, and only once', async () => {
    const database = narrow();
    let attempts = 0;
    const work = (value: unknown): Promise<unknown> =>
      database.transaction(
        async () => {
          attempts += 1;
          await database.current.query('select 1');
          await store(database, value);
        },
        { retry: { attempts: 10, delay: 1 } },
      );
    await startOf(migration, work);
    await change(migration.change);
    attempts = 0;
    await work(second);
    expect(attempts).toBe(2);
    expect(await stored()).toEqual([expected]);
  });

  it('without retry the next transaction works', async () => {
    const database = narrow();
    const work = (value: unknown): Promise<unknown> =>
      database.transaction(async () => {
        await database.current.query('select 1');
        await store(database, value);
      });
    await startOf(migration, work);
    await change(migration.change);
    await rejection(work(second));
    await work(second);
    expect(await stored()).toEqual([expected]);
  });

  it('in a condition too', async () => {
    const database = narrow();
    await startOf(migration, (first) => find(database, first));
    await change(migration.change);
    for (let turn = 0; turn < 3; turn += 1)
      expect(await find(database, second)).toMatchObject({ rows: [{ count: 0 }] });
  });

  it('what Sluice changes itself is not noticed on any connection, in the middle of a transaction neither', async () => {
    const database = server.open({ max: 2, maxLevel: 0 });
    const work = (value: unknown): Promise<unknown> =>
      database.transaction(async () => {
        await database.current.query('select 1');
        await store(database, value);
      });
    // Both connections have it prepared.
    await startOf(migration, (first) => Promise.all([work(first), work(first)]));
    await database.transaction(async () => {
      for (const statement of migration.change.split(';')) await database.current.query(statement);
      // While the change is not committed, another one parses for the table as it was.
      await store(database, second);
    });
    await Promise.all([work(second), work(second)]);
    expect(await stored()).toEqual([expected, expected, expected]);
  });
});

describe('a wrong value', () => {
  it('is told as it is, outside of a transaction, and the text stays prepared', async () => {
    const database = narrow();
    const read = (value: unknown): Promise<unknown> =>
      database.current.query('select id from product where id = $1', [value]);
    for (let turn = 0; turn < 3; turn += 1) await read(1);
    for (let turn = 0; turn < 3; turn += 1) expect(await rejection(read('abc'))).toMatchObject({ code: '22P02' });
    expect(await read(1)).toMatchObject({ rows: [] });
    const { rows } = await database.current.query(
      "select count(*)::int as count from pg_prepared_statements where statement like '%where id = $1'",
    );
    expect(rows).toEqual([{ count: 1 }]);
  });

  it('inside is tried twice at the most, on however many connections', async () => {
    const database = server.open({ max: 4, maxLevel: 0 });
    let attempts = 0;
    const work = (value: unknown): Promise<unknown> =>
      database.transaction(
        async () => {
          attempts += 1;
          await database.current.query('select 1');
          await database.current.query('select id from product where id = $1', [value]);
        },
        { retry: { attempts: 10, delay: 1 } },
      );
    for (let turn = 0; turn < 3; turn += 1) await Promise.all([work(1), work(1), work(1), work(1)]);
    attempts = 0;
    expect(await rejection(work('abc'))).toMatchObject({ code: '22P02' });
    expect(attempts).toBeLessThanOrEqual(2);
  });

  it('changes nothing twice where its statement comes after others in one', async () => {
    const database = narrow();
    const batch = (value: unknown): Promise<unknown> =>
      database.current.batch([
        statement('insert into product (id) values (1) on conflict (id) do update set stock = product.stock + 1'),
        statement('select $1::int', [value]),
      ]);
    for (let turn = 0; turn < 3; turn += 1) await batch(1);
    expect(await rejection(batch('abc'))).toMatchObject({ code: '22P02' });
    expect(await server.sql('select stock from product')).toEqual([{ stock: 2 }]);
  });
});

describe('a statement that fails while it runs', () => {
  it('is not sent once more: a procedure may have committed', async () => {
    await server.sql(`create or replace procedure sell_and_fail(id int) language plpgsql as $$ begin
      insert into product values (id); commit;
      if id > 2 then perform 'abc'::text::int; end if; end $$`);
    const database = narrow();
    const call = (id: number): Promise<unknown> => database.current.query('call sell_and_fail($1::int)', [id]);
    for (const id of [0, 1, 2]) await call(id);
    expect(await rejection(call(3))).toMatchObject({ code: '22P02' });
    expect(await server.products()).toEqual([0, 1, 2, 3]);
  });

  it('is not repeated by retry', async () => {
    const database = narrow();
    let attempts = 0;
    await server.sql("insert into product (id, name) values (1, '1'), (2, 'abc')");
    const work = (id: number): Promise<unknown> =>
      database.transaction(
        async () => {
          attempts += 1;
          await database.current.query('select 1');
          await database.current.query('select name::int from product where id = $1', [id]);
        },
        { retry: { attempts: 10, delay: 1 } },
      );
    for (let turn = 0; turn < 3; turn += 1) await work(1);
    attempts = 0;
    expect(await rejection(work(2))).toMatchObject({ code: '22P02' });
    expect(attempts).toBe(1);
  });
});

describe('a result whose columns change', () => {
  it('in the middle of a transaction is repeated by retry', async () => {
    const database = narrow();
    await server.sql('create table widened (id int)');
    const read = (): Promise<unknown> =>
      database.transaction(
        async () => {
          await database.current.query('select 1');
          return (await database.current.query('select * from widened')).rows;
        },
        { retry: { attempts: 2, delay: 1 } },
      );
    for (let turn = 0; turn < 3; turn += 1) await read();
    await server.sql('alter table widened add name text');
    await server.sql('insert into widened values (1)');
    expect(await read()).toEqual([{ id: 1, name: null }]);
  });

  it('by a change of the transaction itself is not noticed, nor when it is rolled back, to a savepoint too', async () => {
    const database = narrow();
    await database.current.query('create table narrowed (id int)');
    await database.current.query('insert into narrowed values (1)');
    const read = async (): Promise<unknown> => (await database.current.query('select * from narrowed')).rows;
    for (let turn = 0; turn < 3; turn += 1) await read();
    const failing = database.transaction(async () => {
      await rejection(
        database.transaction(
          async () => {
            await database.current.query('alter table narrowed add name text');
            for (let turn = 0; turn < 3; turn += 1) expect(await read()).toEqual([{ id: 1, name: null }]);
            throw new Error('back to the savepoint');
          },
          { propagation: 'NESTED' },
        ),
      );
      for (let turn = 0; turn < 3; turn += 1) expect(await read()).toEqual([{ id: 1 }]);
      await database.current.query('/* a migration */ alter table narrowed add stock int');
      for (let turn = 0; turn < 3; turn += 1) expect(await read()).toEqual([{ id: 1, stock: null }]);
      throw new Error('back');
    });
    await rejection(failing);
    await database.transaction(async () => {
      await database.current.query('select 1');
      for (let turn = 0; turn < 3; turn += 1) expect(await read()).toEqual([{ id: 1 }]);
    });
  });
});

describe('what a library changes with a query object of its own', () => {
  it('is not noticed on any connection', async () => {
    const database = server.open({ max: 2, maxLevel: 0 });
    await server.sql('create table labelled (id int)');
    const read = (): Promise<unknown> =>
      database.transaction(async () => {
        await database.current.query('select 1');
        return (await database.current.query('select * from labelled')).rows;
      });
    for (let turn = 0; turn < 3; turn += 1) await Promise.all([read(), read()]);
    const client = await ambientPool(database).connect();
    const query = new pg.Query({ text: 'alter table labelled add name text' });
    const ended = new Promise((resolve, reject) => query.once('end', resolve).once('error', reject));
    client.query(query);
    await ended;
    client.release();
    await server.sql('insert into labelled values (1)');
    expect(await Promise.all([read(), read()])).toEqual([[{ id: 1, name: null }], [{ id: 1, name: null }]]);
  });
});

describe('a schema per tenant', () => {
  const rowsOf = {
    north: [{ id: 1, amount: 100 }],
    south: [{ id: 'a', amount: 'free', currency: 'EUR' }],
  };
  const search = 'select * from price where id = $1';
  type Tenant = keyof typeof rowsOf;
  const enter: readonly { readonly how: string; readonly statement: (tenant: Tenant) => [string, unknown[]?] }[] = [
    { how: 'set local search_path', statement: (tenant) => [`set local search_path to ${tenant}`] },
    { how: 'set schema', statement: (tenant) => [`set local schema '${tenant}'`] },
    { how: 'set_config', statement: (tenant) => ["select set_config('search_path', $1, true)", [tenant]] },
    {
      how: 'set_config with all by value',
      statement: (tenant) => ['select set_config($1, $2, $3)', ['search_path', tenant, true]],
    },
    { how: 'set search_path for the session', statement: (tenant) => [`-- tenant\n set search_path = "${tenant}"`] },
  ];

  async function fill(): Promise<void> {
    await server.sql('truncate north.price, south.price');
    await server.sql('insert into north.price values (1, 100)');
    await server.sql("insert into south.price values ('a', 'free', 'EUR')");
  }

  it.each(enter)('$how: two tenants with other types take turns on one connection', async ({ statement }) => {
    await fill();
    const database = narrow();
    for (let turn = 0; turn < 20; turn += 1) {
      for (const [tenant, id] of [
        ['north', 1],
        ['south', 'a'],
        ['south', 'a'],
      ] as const) {
        const rows = await database.transaction(async () => {
          const [text, values] = statement(tenant);
          await database.current.query(text, values);
          await database.current.query(search, [id]);
          return (await database.current.query(search, [id])).rows;
        });
        expect(rows).toEqual(rowsOf[tenant]);
      }
    }
  });

  it('in one batch with its path', async () => {
    await fill();
    const database = narrow();
    for (let turn = 0; turn < 6; turn += 1) {
      for (const [tenant, id] of [
        ['north', 1],
        ['south', 'a'],
      ] as const) {
        const [, result] = await database.current.batch([
          statement(`set local search_path to ${tenant}`),
          statement(search, [id]),
        ]);
        expect(result?.rows).toEqual(rowsOf[tenant]);
      }
    }
  });

  it('is prepared again once the path is what it was', async () => {
    const database = narrow();
    const kept = async (): Promise<unknown> => {
      const { rows } = await database.current.query(
        "select count(*)::int as kept from pg_prepared_statements where statement = 'select 17 as own'",
      );
      return rows[0]?.['kept'];
    };
    const own = async (): Promise<void> => {
      for (let turn = 0; turn < 3; turn += 1) await database.current.query('select 17 as own');
    };
    await database.current.query('set search_path to north');
    await own();
    expect(await kept()).toBe(0);
    await database.current.query('reset search_path');
    await database.transaction(async () => {
      await database.current.query("select set_config('search_path', 'south', true)");
      await own();
    });
    expect(await kept()).toBe(0);
    await database.transaction(async () => {
      // What row level security is given changes the meaning of no name.
      await database.current.query("select set_config('app.tenant', $1, true)", ['south']);
      await own();
    });
    expect(await kept()).toBe(1);
  });
});

describe('a prepared statement that is missing', () => {
  it('in the middle of a transaction names the option, and is repeated by retry', async () => {
    const database = narrow();
    const read = (): Promise<unknown> => database.current.query('select 1 as one');
    const work = (forget: boolean): Promise<unknown> =>
      database.transaction(async () => {
        if (forget) await database.current.query('select forget_plans()');
        await read();
      });
    for (let turn = 0; turn < 3; turn += 1) await work(false);
    const error = await rejection(work(true));
    expect(error).toMatchObject({ code: 'PREPARED_STATEMENT_MISSING', cause: { code: '26000' } });
    expect(error.message).toMatch(/preparedStatements: false.*max_prepared_statements/s);
    for (let turn = 0; turn < 3; turn += 1) await work(false);
    let attempts = 0;
    await database.transaction(
      async () => {
        attempts += 1;
        if (attempts === 1) await database.current.query('select forget_plans()');
        await read();
      },
      { retry: { attempts: 3, delay: 1 } },
    );
    expect(attempts).toBe(2);
  });

  it('is not noticed after a DEALLOCATE ALL of the program in its transaction, which commits', async () => {
    const database = narrow();
    const insert = (id: number): Promise<unknown> =>
      database.current.query('insert into product (id) values ($1)', [id]);
    for (let id = 0; id < 3; id += 1) await database.transaction(() => insert(id));
    await database.transaction(async () => {
      await database.current.query('deallocate all');
      await insert(3);
    });
    expect(await server.products()).toEqual([0, 1, 2, 3]);
  });

  it('of the program itself is told as it is', async () => {
    const database = narrow();
    expect(await rejection(database.current.query('execute none_of_ours'))).toMatchObject({ code: '26000' });
    const inside = database.transaction(() => database.current.query('execute none_of_ours'));
    expect(await rejection(inside)).toMatchObject({ code: '26000' });
  });
});
