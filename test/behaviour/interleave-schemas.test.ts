// Tables of one name in two schemas, or databases of MariaDB, are two tables; and one row may be found by other words.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveOptions, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const isPostgres = engine.name === 'postgres';
const server = useTestDatabase();
/** The schema that is current, and another one that has a table of the same name. */
let current = 'public';
let other = 'branch';
let database: Database<'default'>;

const run = (text: string, values: readonly unknown[] = []) =>
  database.query<{ stock: number }>(isPostgres ? text : text.replaceAll(/\$\d/g, '?'), values);
const stock = async (table: string, by = 'id = 1'): Promise<number> =>
  (await run(`select stock from ${table} where ${by}`)).rows[0]?.stock ?? Number.NaN;
const set = (table: string, to: number, by = 'id = 1') => run(`update ${table} set stock = $1 where ${by}`, [to]);

async function seed(): Promise<void> {
  for (const table of ['product', `${other}.product`]) {
    await run(`delete from ${table}`);
    await run(`insert into ${table} (id, stock, name) values (1, 10, 'book'), (2, 20, 'pen')`);
  }
}

/** What it reads it returns, and writes one less than that. */
const copy = (from: string, to: string, by?: string) => (): Promise<unknown> =>
  database.transaction(
    async () => {
      const found = await stock(from, by);
      await set(to, found - 1, by);
      return found;
    },
    { isolationLevel: 'READ_COMMITTED' },
  );

const tried = (
  alice: () => unknown,
  bob: () => unknown,
  changes: Partial<InterleaveOptions> = {},
): Promise<InterleaveReport> =>
  interleave(database, { setup: seed, actors: { alice, bob }, maxRemedyRuntime: 0, ...changes });

describe.skipIf(engine.name === 'sqlite')('tables of one name', () => {
  beforeAll(async () => {
    if (!isPostgres) {
      const [row] = await server.sql<{ name: string }>('select database() as name');
      current = row?.name ?? '';
      other = `${current}_branch`;
    }
    await server.sql(`create ${isPostgres ? 'schema' : 'database'} ${other}`);
    await server.sql(`create table ${other}.product (id int primary key, stock int not null, name varchar(20))`);
  });
  afterAll(async () => {
    if (engine.name === 'mariadb') await server.sql(`drop database ${other}`);
  });
  beforeEach(() => {
    database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
  });

  it('a write skew between them is no lost update', async () => {
    const there = `${other}.product`;
    const report = await tried(copy('product', there), copy(there, 'product'));
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'write skew' });
    expect(report.anomalies[0]?.pair?.inWords).toMatch(
      isPostgres ? /(?:read branch\.product.*wrote product|read product.*wrote branch\.product)/ : /_branch\.product/,
    );
  });

  it('what a name leads to without its schema, and with it, is one table', async () => {
    const report = await tried(copy('product', 'product'), copy(`${current}.product`, `${current}.product`));
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'lost update' });
    const quoted = isPostgres ? `"${current}"."product"` : `\`${current}\`.\`product\``;
    const again = await tried(copy(quoted, quoted), copy('product', 'product'));
    expect(again.anomalies[0], again.toString()).toMatchObject({ kind: 'lost update' });
  });

  it.runIf(isPostgres)('a search_path of a transaction says which is current', async () => {
    const inBranch =
      (text: string, values: readonly unknown[], body: () => Promise<unknown>): (() => Promise<unknown>) =>
      () =>
        database.transaction(async () => {
          await run(text, values);
          return await body();
        });
    const alice = inBranch('set local search_path to branch', [], copy('product', 'product'));
    const skew = await tried(
      inBranch('set local search_path to branch, public', [], copy('public.product', 'product')),
      copy('branch.product', 'product'),
    );
    expect(skew.anomalies[0], skew.toString()).toMatchObject({ kind: 'write skew' });
    const lost = await tried(alice, copy('branch.product', 'branch.product'));
    expect(lost.anomalies[0], lost.toString()).toMatchObject({ kind: 'lost update' });
    const unknown = inBranch("select set_config('search_path', $1, true)", ['branch'], copy('product', 'product'));
    const found = await tried(unknown, copy('branch.product', 'branch.product'));
    expect(found.anomalies[0], found.toString()).toMatchObject({ kind: 'lost update' });
  });

  it.runIf(isPostgres)('orders of statements on them are left out, as of tables with other names', async () => {
    const there = 'branch.product';
    const apart = await tried(copy(there, there), copy('public.product', 'public.product'), { reduce: true });
    expect(apart).toMatchObject({ isComplete: true, isReduced: true, anomalies: [] });
    const together = await tried(copy(there, there), copy('product', 'product'), { reduce: true });
    // Which one "product" is, the search_path of each session says.
    expect(together.orders).toBeGreaterThan(apart.orders);
  });

  it('the remedy locks the reads of the one that it is about', async () => {
    const there = `${other}.product`;
    const taking = (): Promise<unknown> =>
      database.transaction(
        async () => {
          const found = await stock(`${current}.product`);
          const elsewhere = await stock(there);
          await set('product', found - 1);
          return elsewhere;
        },
        { isolationLevel: 'READ_COMMITTED' },
      );
    const report = await tried(taking, taking, { maxRemedyRuntime: 20_000 });
    const [locked] = report.remedies;
    expect(locked).toMatchObject({ works: true });
    // One place sends both reads: with a lock on the wrong one too, orders would wait twice.
    expect(report.toString()).toContain('lost update');
  });
});

describe.skipIf(engine.name === 'sqlite')('one row that is found by other words', () => {
  beforeEach(() => {
    database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
  });

  const taking =
    (by: string, values: readonly unknown[], back = by) =>
    (): Promise<unknown> =>
      database.transaction(
        async () => {
          const found = Number((await run(`select stock from product where ${by}`, values)).rows[0]?.stock);
          await run(`update product set stock = ${found - 1} where ${back}`, values);
        },
        { isolationLevel: 'READ_COMMITTED' },
      );
  const setup = async (): Promise<void> => {
    await run('delete from product');
    await run("insert into product (id, stock, name) values (1, 10, 'book'), (2, 20, 'pen')");
  };
  const byName = taking('name = $1', ['book']);

  it.each([
    ['a literal and a parameter', taking('id = 1', []), taking('id = $1', [1])],
    ['another column', byName, taking('id = $1', [1])],
    [
      'a further condition',
      taking('id = 1 and stock >= 1', [], 'id = 1'),
      taking('id = 1', [], 'id = 1 and stock > 2'),
    ],
    [
      'an alias',
      taking('id = 1', []),
      () =>
        database.transaction(
          async () => {
            const found = Number((await run('select stock from product where id = 1')).rows[0]?.stock);
            await run(
              isPostgres
                ? `update product as p set stock = ${found - 1} where p.id = 1 returning p.id`
                : `update product p set p.stock = ${found - 1} where p.id = 1`,
            );
          },
          { isolationLevel: 'READ_COMMITTED' },
        ),
    ],
  ])('a lost update is none of two rows: %s', async (_, alice, bob) => {
    const report = await tried(alice, bob, { setup });
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'lost update' });
  });

  it('also where what came between wrote another row first', async () => {
    const both = (): Promise<unknown> =>
      database.transaction(
        async () => {
          const found = await stock('product');
          await set('product', 5, 'id = 2');
          await set('product', found - 1);
        },
        { isolationLevel: 'READ_COMMITTED' },
      );
    const report = await tried(byName, both, { setup });
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'lost update' });
  });

  it('and two rows are two', async () => {
    const skewed = (from: string, to: string) => () =>
      database.transaction(async () => set('product', (await stock('product', from)) - 1, to), {
        isolationLevel: 'READ_COMMITTED',
      });
    const report = await tried(skewed("name = 'pen'", "name = 'book'"), skewed('id = 1', 'id = 2'), { setup });
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'write skew' });
  });
});
