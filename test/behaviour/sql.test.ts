import { beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { type Database, type Sql, sql, statement } from '../../src/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
let database: Database<'default'>;

beforeEach(() => {
  database = server.open({ max: 2 });
});

interface Product {
  id: number;
  stock: number;
}

const insert = (id: number, stock: number): Sql => sql`insert into product (id, stock) values (${id}, ${stock})`;
const refused = { code: 'INVALID_OPTION' };

describe('sql', () => {
  it('sends what is put into it as values', async () => {
    const name = 'it\'s "quoted"; drop table product; -- $1 ? \\';
    await database.query(sql`insert into product (id, stock, name) values (${1}, ${5}, ${name})`);
    const { rows } = await database.query(sql<Product & { name: string }>`select * from product where name = ${name}`);
    expect(rows).toEqual([{ id: 1, stock: 5, name }]);
    expectTypeOf(rows).toEqualTypeOf<(Product & { name: string })[]>();
  });

  it('sends undefined as NULL', async () => {
    await database.query(sql`insert into product (id, stock, name) values (${1}, ${5}, ${undefined})`);
    await database.query('update product set stock = $1, name = $2 where id = 1', [6, undefined]);
    const { rows } = await database.query(sql<{ name: string | null }>`select name from product where name is null`);
    expect(rows).toEqual([{ name: null }]);
  });

  it('takes pieces of itself, names, lists, and nothing', async () => {
    await database.batch([1, 2, 3, 4].map((id) => insert(id, id * 10)));
    const table = sql.id('product');
    const columns = sql.join([sql.id('id'), sql.id('product', 'stock')]);
    const most = (limit?: number): Sql => (limit === undefined ? sql.empty : sql`and stock < ${limit}`);
    const find = (ids: readonly number[], limit?: number): Promise<number[]> =>
      database
        .query(
          sql<Product>`select ${columns} from ${table} where id in (${sql.join(ids)}) ${most(limit)} order by ${sql.raw('id desc')}`,
        )
        .then(({ rows }) => rows.map(({ id }) => id));
    expect(await find([1, 3, 4])).toEqual([4, 3, 1]);
    expect(await find([1, 3, 4], 40)).toEqual([3, 1]);
    const conditions = [sql`id > ${1}`, sql`stock < ${40}`];
    const { rows } = await database.query(
      sql<Product>`select id from product where ${sql.join(conditions, sql` and `)}`,
    );
    expect(new Set(rows.map(({ id }) => id))).toEqual(new Set([2, 3]));
  });

  it('quotes names as the engine has them, whatever is in them', async () => {
    const quote = engine.name === 'mariadb' ? '`' : '"';
    const odd = `odd ${quote}; drop table product; --`;
    await database.query(sql`create table ${sql.id(odd)} (${sql.id('select')} int)`);
    await database.query(sql`insert into ${sql.id(odd)} (${sql.id('select')}) values (${7})`);
    const { rows } = await database.query(sql`select ${sql.id(odd, 'select')} as seven from ${sql.id(odd)}`);
    expect(rows).toEqual([{ seven: 7 }]);
    await database.query(sql`drop table ${sql.id(odd)}`);
    expect(await server.products()).toEqual([]);
  });

  it('keeps a digit behind a value apart from its number', async () => {
    const error = await rejection(database.query(sql`select ${1}0 as ten`));
    expect(error).not.toMatchObject(refused);
    expect((await database.query(sql`select ${1} + 10 as eleven`)).rows).toEqual([{ eleven: 11 }]);
  });

  it('is made of as many pieces as a statement can have values', { timeout: 60_000 }, async () => {
    let composed = sql`select ${0} as n`;
    for (let at = 0; at < 20_000; at += 1) composed = sql`${composed}`;
    expect((await database.query(composed)).rows).toEqual([{ n: engine.name === 'postgres' ? '0' : 0 }]);
    // SQLite has fewer, which it says itself.
    const most = engine.name === 'sqlite' ? 32_766 : 65_535;
    const ids = Array.from({ length: most }, (_, id) => id);
    expect((await database.query(sql`select id from product where id in (${sql.join(ids)})`)).rows).toEqual([]);
    let chain = sql`${0}`;
    for (let at = 1; at < 20_000; at += 1) chain = sql`${chain}, ${at}`;
    expect((await database.query(sql`select id from product where id in (${chain})`)).rows).toEqual([]);
    const tooMany = sql.join(Array.from({ length: 65_536 }, (_, id) => id));
    expect(await rejection(database.query(sql`select id from product where id in (${tooMany})`))).toMatchObject({
      code: 'INVALID_OPTION',
    });
  });

  it('is the same on every handle, in a transaction, and with an option', async () => {
    await database.transaction(async () => {
      await database.query(insert(1, 1));
      await database.current.query(insert(2, 2));
      await database.getDb().query(insert(3, 3), { last: true });
    });
    expect(await server.products()).toEqual([1, 2, 3]);
    await database.query('insert into product (id) values ($1)', [4]);
    await database.query(statement('insert into product (id) values ($1)', [5]));
    expect(await server.products()).toEqual([1, 2, 3, 4, 5]);
  });

  it('gives a batch the types of its statements', async () => {
    await database.query(insert(1, 5));
    const [products, count] = await database.batch([
      sql<Product>`select id, stock from product`,
      sql<{ n: number | bigint | string }>`select count(*) as n from product`,
    ]);
    expectTypeOf(products.rows).toEqualTypeOf<Product[]>();
    expectTypeOf(count.rows).toEqualTypeOf<{ n: number | bigint | string }[]>();
    expect(products.rows).toEqual([{ id: 1, stock: 5 }]);
    expect(Number(count.rows[0]?.n)).toBe(1);
  });
});

describe('bad input of sql', () => {
  it.each<[string, () => unknown]>([
    ['a function', () => sql`select ${() => 1}`],
    ['a symbol', () => sql`select ${Symbol('s')}`],
    ['a call that is no template', () => (sql as unknown as (text: string) => Sql)('select 1')],
    ['a call with an array', () => (sql as unknown as (text: unknown) => Sql)(['select 1'])],
    ['a statement with placeholders of its own', () => sql`select (${statement('select $1', [1])})`],
    ['an empty list', () => sql.join([])],
    ['a list that is none', () => sql.join('1,2' as never)],
    ['a list with a function', () => sql.join([1, () => 2])],
    ['a separator that is text', () => sql.join([1, 2], ' or ' as never)],
    ['no name', () => sql.id()],
    ['an empty name', () => sql.id('')],
    ['a name with NUL', () => sql.id('a\0b')],
    ['a name with half a character', () => sql.id('\ud800')],
    ['a name that is a number', () => sql.id(7 as never)],
    ['raw text that is none', () => sql.raw({} as never)],
    ['a text that is none', () => statement(7 as never)],
    ['values that are none', () => statement('select 1', 'x' as never)],
  ])('%s is refused where it is made', (_, make) => {
    expect(make).toThrow(expect.objectContaining(refused));
  });

  it.each<[string, () => unknown]>([
    ['a statement with values beside it', () => database.query(sql`select ${1}`, [1] as never)],
    ['what looks like a statement', () => database.query({ text: 'delete from product', values: [] } as never)],
    ['a statement that was JSON', () => database.query(JSON.parse(JSON.stringify(sql`select ${1}`)) as never)],
    ['what a request could say', () => database.batch([{ text: 'delete from product' }] as never)],
    ['nothing', () => database.query(undefined as never)],
    ['a piece with nothing in it', () => database.query(sql.empty)],
    ['a promise', () => database.query(sql`select ${Promise.resolve(1)}`)],
  ])('%s is refused before anything is sent', async (_, send) => {
    expect(await rejection(send() as Promise<unknown>)).toMatchObject(refused);
    expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 0 });
  });

  it('an object that looks like a statement is a value where a value is meant', async () => {
    const forged = { text: 'delete from product', values: [] };
    const text = JSON.stringify(forged);
    await database.query(insert(1, 1));
    await database.query(sql`update product set name = ${forged}`);
    const { rows } = await database.query(sql<{ name: string }>`select name from product`);
    expect(JSON.parse(String(rows[0]?.name))).toEqual(JSON.parse(text));
  });

  it('a name that is longer than any of the engine is refused before it could be cut', async () => {
    const longest = { postgres: 63, mariadb: 64, sqlite: 1_000 }[engine.name];
    await database.query(sql`create table ${sql.id('a'.repeat(longest))} (id int)`);
    await database.query(sql`drop table ${sql.id('a'.repeat(longest))}`);
    if (engine.name === 'sqlite') return;
    expect(await rejection(database.query(sql`select * from ${sql.id('a'.repeat(longest + 1))}`))).toMatchObject(
      refused,
    );
    if (engine.name === 'postgres')
      expect(await rejection(database.query(sql`select * from ${sql.id('ä'.repeat(32))}`))).toMatchObject(refused);
  });
});
