import { expectTypeOf } from 'vitest';
import { beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type Database } from '../../src/index.ts';
import {
  createModel,
  defineModel,
  either,
  everyRow,
  gt,
  gte,
  inList,
  InvalidModelCallError,
  like,
  lt,
  lte,
  type Model,
  ne,
  notInList,
} from '../../src/model/index.ts';
import { engine, insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

interface PostRow {
  id: number;
  title: string;
  views: number;
  author: string | null;
}
const definition = defineModel<PostRow>({ table: 'post', key: 'id' });

const server = useTestDatabase(
  `create table post (id ${engine.sql.generatedId}, title varchar(100) not null, views int not null default 0, author varchar(100))`,
);
let database: Database<'default'>;
let post: Model<PostRow, 'id'>;

beforeEach(async () => {
  await server.sql('delete from post');
  database = server.open();
  post = createModel(database, definition);
});

const titles = async (...args: Parameters<typeof post.select>): Promise<string[]> =>
  (await post.select(...args)).map(({ title }) => title);

async function fill(): Promise<PostRow[]> {
  const rows = await post.insertBulk([
    { title: 'a', views: 1 },
    { title: 'b', views: 2, author: 'ann' },
    { title: 'c', views: 3, author: 'bob' },
  ]);
  return rows;
}

describe('the verbs', () => {
  it('insert gives the row as it is stored', async () => {
    const row = await post.insert({ title: 'Post001' });
    expectTypeOf(row).toEqualTypeOf<PostRow>();
    expect(row).toEqual({ id: row.id, title: 'Post001', views: 0, author: null });
    expect(row.id).toBeDefined();
    // PostgreSQL writes a bigint as text.
    expect(String((await post.insert({ id: 1_000_000, title: 'x', author: "O'Brien" })).id)).toBe('1000000');
    expect(await post.count()).toBe(2);
  });

  it('insertBulk keeps the order, with different columns too, and inserts all or none', async () => {
    expect((await fill()).map(({ title, author }) => [title, author])).toEqual([
      ['a', null],
      ['b', 'ann'],
      ['c', 'bob'],
    ]);
    expect(await post.insertBulk([])).toEqual([]);
    const broken = post.insertBulk([{ title: 'd' }, { title: null } as never]);
    await rejection(broken);
    expect(await post.count()).toBe(3);
  });

  it('get, mget and count', async () => {
    const [a, b] = await fill();
    expect((await post.get({ title: 'b' }))?.views).toBe(2);
    expect(await post.get({ title: 'z' })).toBeUndefined();
    const found = await post.mget([b?.id ?? 0, 999_999_999, a?.id ?? 0]);
    expect(found.map((row) => row?.title)).toEqual(['b', undefined, 'a']);
    expect(await post.mget([])).toEqual([]);
    expect(await post.count({ author: null })).toBe(1);
  });

  it('select with columns, orders, limit and offset', async () => {
    await fill();
    const picked = await post.select({ columns: ['title', 'views'], orders: [['views', 'desc']], limit: 2 });
    expectTypeOf(picked).toEqualTypeOf<Pick<PostRow, 'title' | 'views'>[]>();
    expect(picked).toEqual([
      { title: 'c', views: 3 },
      { title: 'b', views: 2 },
    ]);
    expect(await titles({ orders: ['title'], offset: 1 })).toEqual(['b', 'c']);
    expect(await titles({ orders: ['title'], limit: 1, offset: 2 })).toEqual(['c']);
    expect(await titles({ limit: 0 })).toEqual([]);
  });

  it('where with operators', async () => {
    await fill();
    const by = (where: Parameters<typeof post.count>[0]): Promise<string[]> => titles({ where, orders: ['title'] });
    expect(await by({ views: gt(1) })).toEqual(['b', 'c']);
    expect(await by({ views: gte(2), title: lt('c') })).toEqual(['b']);
    expect(await by({ views: lte(1) })).toEqual(['a']);
    expect(await by({ author: ne(null) })).toEqual(['b', 'c']);
    expect(await by({ author: ne('ann') })).toEqual(['c']);
    expect(await by({ title: like('%b%') })).toEqual(['b']);
    expect(await by({ title: inList(['a', 'c']) })).toEqual(['a', 'c']);
    expect(await by({ title: inList([]) })).toEqual([]);
    expect(await by({ title: notInList(['a']) })).toEqual(['b', 'c']);
    expect(await by({ title: notInList([]) })).toEqual(['a', 'b', 'c']);
    expect(await by(either({ title: 'a' }, { author: 'bob', views: gt(2) }))).toEqual(['a', 'c']);
  });

  it('update by the key, by a condition, or all on purpose', async () => {
    const [a] = await fill();
    expect(await post.update({ id: a?.id ?? 0, title: 'A' })).toBe(1);
    expect(await post.update({ views: 9 }, { where: { author: ne(null) } })).toBe(2);
    expect(await titles({ where: { views: 9 }, orders: ['title'] })).toEqual(['b', 'c']);
    expect(await post.update({ author: null }, { where: everyRow })).toBe(3);
    expect(await post.updateBulk((await post.select()).map(({ id }) => ({ id, views: 7 })))).toBe(3);
    expect(await post.count({ views: 7, author: null })).toBe(3);
    expect(await post.update({ id: 123_456, title: 'nobody' })).toBe(0);
  });

  it('delete by a condition, keys, or all on purpose', async () => {
    const [a, b] = await fill();
    expect(await post.delete({ title: 'c' })).toBe(1);
    expect(await post.deleteBulk([a?.id ?? 0, b?.id ?? 0, 5_000_000])).toBe(2);
    expect(await post.deleteBulk([])).toBe(0);
    await fill();
    expect(await post.delete(everyRow)).toBe(3);
  });

  it('query() is the builder, in the same transaction', async () => {
    await rejection(
      database.transaction(async () => {
        await post.insert({ title: 'a' });
        const rows = await post.query().selectFrom('post').select('title').execute();
        expect(rows).toEqual([{ title: 'a' }]);
        throw new Error('declined');
      }),
    );
    expect(await post.count()).toBe(0);
    const own = post.query().transaction();
    expect(await rejection(own.execute(() => Promise.resolve()))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
  });
});

describe('a model and its transaction', () => {
  it('joins what is ambient, with raw SQL beside it', async () => {
    await rejection(
      database.transaction(async () => {
        await post.insert({ title: 'a' });
        await insert(database, 1);
        expect(await post.count()).toBe(1);
        throw new Error('declined');
      }),
    );
    expect(await post.count()).toBe(0);
    expect(await server.products()).toEqual([]);
  });

  it('newInstance stands on the handle that it is given, and client on its client', async () => {
    const two = createDatabase({ clients: { a: server.client(), b: server.client() }, defaultClient: 'a' });
    try {
      const onB = createModel(two, defineModel<PostRow>({ table: 'post', key: 'id', clientName: 'b' }));
      const here = createModel(two, definition);
      await rejection(
        two.getDb({ clientName: 'b' }).transaction.begin(async () => {
          await onB.insert({ title: 'b' });
          await here.newInstance(two.getDb({ clientName: 'b' })).insert({ title: 'also b' });
          throw new Error('declined');
        }),
      );
      expect(await here.count()).toBe(0);
      expect(two.stats().clients.b.idle).toBe(1);
    } finally {
      await two.close();
    }
  });

  it('asks for its columns once', async () => {
    await post.count({ title: 'a' });
    await server.sql('insert into post (title) values ($1)', ['x']);
    const listed = createModel(database, defineModel<PostRow>({ table: 'post', key: 'id', columns: ['id', 'title'] }));
    expect(await rejection(listed.count({ views: 1 }))).toBeInstanceOf(InvalidModelCallError);
    expect(await listed.count({ title: 'x' })).toBe(1);
    const missing = createModel(database, defineModel<PostRow>({ table: 'no_such_table', key: 'id' }));
    expect((await rejection(missing.count()))['code']).not.toBe('INVALID_OPTION');
  });
});

describe('bad input', () => {
  const json = (text: string): never => JSON.parse(text) as never;

  it.each<[string, (model: Model<PostRow, 'id'>) => Promise<unknown>, RegExp]>([
    [
      'an unknown column in a where',
      (model) => model.select({ where: json('{"nope":1}') }),
      /no column "nope".*columns are: id/,
    ],
    ['an unknown column in a row', (model) => model.insert(json('{"title":"x","admin":true}')), /no column "admin"/],
    [
      '__proto__ in a where',
      (model) => model.select({ where: json('{"__proto__":{"id":1}}') }),
      /no column "__proto__"/,
    ],
    ['__proto__ in a row', (model) => model.insert(json('{"title":"x","__proto__":1}')), /no column "__proto__"/],
    ['SQL as a column', (model) => model.select({ columns: json('["id; drop table post"]') }), /no column a string/],
    ['SQL as an order', (model) => model.select({ orders: json('[["id","asc; drop table post"]]') }), /direction/],
    ['SQL as an order’s column', (model) => model.select({ orders: json('["(select 1)"]') }), /no column/],
    ['SQL as a limit', (model) => model.select({ limit: json('"1; drop table post"') }), /"limit" is a string/],
    ['a negative offset', (model) => model.select({ offset: -1 }), /"offset"/],
    ['an operator from JSON', (model) => model.select({ where: json('{"id":{"gt":0}}') }), /operator such as gt/],
    ['an operator that looks like one', (model) => model.delete(json('{"id":{"name":"ne","value":null}}')), /operator/],
    ['a list from JSON', (model) => model.select({ where: json('{"id":[1,2]}') }), /operator/],
    ['undefined in a where', (model) => model.select({ where: { title: undefined as never } }), /"title" is undefined/],
    ['undefined in a delete', (model) => model.delete(undefined as never), /no condition/],
    ['nothing in a where', (model) => model.delete({}), /names no column/],
    [
      'an update without a key or condition',
      (model) => model.update({ title: 'x' }),
      /neither a condition nor a row with its key/,
    ],
    ['an update of nothing', (model) => model.update({ id: 1 }), /nothing to change/],
    ['no condition at all', (model) => model.select({ where: either() }), /either\(\) got no condition/],
    ['null in a list', (model) => model.select({ where: { id: inList([null as never]) } }), /"id" is null/],
    ['a row that is none', (model) => model.insert(json('[1]')), /A row is an array/],
  ])('%s is refused before anything is sent', async (_name, call, message) => {
    await fill();
    const error = await rejection(call(post));
    expect(error).toBeInstanceOf(InvalidModelCallError);
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error.message).toMatch(message);
    expect(await post.count()).toBe(3);
  });

  it('an option with a typing error is refused before anything is sent', async () => {
    await fill();
    const update = post.update({ title: 'x' }, json('{"wher":{"id":1}}'));
    expect(await rejection(update)).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('no option "wher"') as string,
    });
    expect(await post.count({ title: 'x' })).toBe(0);
  });

  it('conditions that are nested without end are refused', async () => {
    let where = either<PostRow>({ id: 1 });
    for (let depth = 0; depth < 30; depth += 1) where = either<PostRow>(where);
    expect(await rejection(post.count(where))).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it.each([
    [{ table: 'post; drop table post', key: 'id' }],
    [{ table: 'post', key: 'id"' }],
    [{ table: 'post' }],
    [{ table: 'post', key: 'id', columns: ['title'] }],
    [{ table: 'post', key: 'id', nonsense: true }],
  ])('a definition that cannot be is refused: %j', (options) => {
    expect(() => defineModel(options as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

it('a statement that waits for a transaction keeps out none of that transaction', async () => {
  const narrow = server.open({ max: 1 });
  const posts = createModel(narrow, definition);
  let waiting: Promise<unknown> = Promise.resolve();
  await narrow.transaction(async () => {
    await posts.insert({ title: 'first' });
    waiting = new Promise((resolve, reject) => {
      narrow.detached(() => void posts.insert({ title: 'last' }).then(resolve, reject));
    });
    await until('the other one waits', () => narrow.stats().clients.default.waiting === 1);
    await posts.insert({ title: 'second' });
  });
  await waiting;
  expect((await titles({})).sort()).toEqual(['first', 'last', 'second']);
});
