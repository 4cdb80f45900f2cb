import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/cache/index.ts';
import {
  createDatabase,
  createContextCarrier,
  type Database,
  InvalidOptionError,
  findStandstills,
  formatHolders,
  formatStandstills,
  statement,
} from '../../src/index.ts';
import { createModel, defineModel, either, everyRow, gt, inList, like, type Model } from '../../src/model/index.ts';
import {
  addToOutbox,
  createOutboxTables,
  createRelay,
  findInInbox,
  parkedMessages,
  recordInInbox,
  replayParked,
} from '../../src/outbox/index.ts';
import { captureCommitHooks, poolOfOne, rollbackEach, rolledBack } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

interface PostRow {
  id: number;
  title: string;
}

const server = useTestDatabase(`create table post (id ${engine.sql.generatedId}, title varchar(100) not null)`);
let database: Database<'default'>;
beforeEach(async () => {
  await server.sql('delete from post');
  await server.sql('insert into post (id, title) values (1, $1)', ['kept']);
  database = server.open();
});

/** Nothing was taken or sent, and nothing has changed. */
async function expectUntouched(): Promise<void> {
  expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 0, opening: 0 });
  expect((await server.sql('select title from post')).map(({ title }) => title)).toEqual(['kept']);
}

async function expectRefused(call: () => unknown, code = 'INVALID_OPTION'): Promise<void> {
  const error = await rejection((async () => await call())());
  expect(error).toMatchObject({ code });
  expect(error.message).not.toContain('hunter2');
}

const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;

/** As a lone half of a pair, which no server can store. */
const lone = 'hunter2 \uD800';
const deep = (depth: number): unknown => {
  let value: unknown = 1;
  for (let at = 0; at < depth; at += 1) value = { value };
  return value;
};

/** Objects that are none of names and values. */
const strangeObjects: readonly (readonly [string, unknown])[] = [
  ['a map', new Map([['title', 'x']])],
  ['a map that a class extends', new (class Titles extends Map<string, string> {})()],
  ['a set', new Set(['title'])],
  ['a date', new Date(0)],
  ['a pattern', /title/],
  ['an error', new Error('hunter2')],
  ['search parameters', new URLSearchParams('title=x')],
  ['an address', new URL('http://title')],
  ['headers', new Headers({ title: 'x' })],
  ['bytes', Buffer.from('title')],
  ['numbers', new Float64Array(2)],
  ['a buffer', new ArrayBuffer(2)],
  ['a promise', Promise.resolve({ title: 'x' })],
  ['an iterator', new Map([['title', 'x']]).entries()],
  ['a boxed text', Object('title')],
  ['a map of another realm', runInNewContext('new Map()')],
];
const invalidDate = new Date(Number.NaN);
// As query builders are.
const thenable = {};
Reflect.set(thenable, 'then', (resolve: (value: string) => void) => resolve('hunter2'));

describe('calls of a model', () => {
  type Call = (post: Model<PostRow, 'id'>) => unknown;
  const cases: readonly [string, Call][] = [
    ...[
      undefined,
      null,
      'all',
      'every row',
      5,
      [],
      () => true,
      Symbol('x'),
      new Map(),
      Promise.resolve({ id: 1 }),
    ].flatMap((where): [string, Call][] => [
      [`get(${typeof where}: ${inspect(where)})`, (post) => post.get(where as never)],
      [`delete(${typeof where}: ${inspect(where)})`, (post) => post.delete(where as never)],
    ]),
    ...strangeObjects.flatMap(([kind, value]): [string, Call][] => [
      [`get(${kind})`, (post) => post.get(value as never)],
      [`get(either(${kind}))`, (post) => post.get(either({ id: 1 }, value as never))],
      [`delete(${kind})`, (post) => post.delete(value as never)],
      [`count(${kind})`, (post) => post.count(value as never)],
      [`count with ${kind} for options`, (post) => post.count({ id: 1 }, value as never)],
      [`select(${kind})`, (post) => post.select(value as never)],
      [`select where ${kind}`, (post) => post.select({ where: value as never })],
      [`insert(${kind})`, (post) => post.insert(value as never)],
      [`insertBulk([${kind}])`, (post) => post.insertBulk([{ title: 'x' }, value as never])],
      [`update(${kind})`, (post) => post.update(value as never, { where: { id: 1 } })],
      [`update where ${kind}`, (post) => post.update({ title: 'x' }, { where: value as never })],
      [`update with ${kind} for options`, (post) => post.update({ id: 1, title: 'x' }, value as never)],
      [`updateBulk([${kind}])`, (post) => post.updateBulk([value as never])],
    ]),
    ...[
      ['a promise', Promise.resolve('hunter2')] as const,
      ['a thenable', thenable] as const,
      ['an invalid date', invalidDate] as const,
    ].flatMap(([kind, value]): [string, Call][] => [
      [`insert of ${kind} for a column`, (post) => post.insert({ title: value as never })],
      [`insertBulk of ${kind} for a column`, (post) => post.insertBulk([{ title: 'x' }, { title: value as never }])],
      [`update to ${kind}`, (post) => post.update({ id: 1, title: value as never })],
      [`update where a column is ${kind}`, (post) => post.update({ title: 'x' }, { where: { title: value as never } })],
      [`get with ${kind} for a column`, (post) => post.get({ title: value as never })],
      [`get with ${kind} in an operator`, (post) => post.get({ title: gt(value as never) })],
      [`get with ${kind} in a list`, (post) => post.get({ title: inList([value as never]) })],
      [`mget of ${kind}`, (post) => post.mget([value as never])],
      [`deleteBulk of ${kind}`, (post) => post.deleteBulk([value as never])],
    ]),
    ["update of 'all' from JSON", (post) => post.update({ title: 'x' }, JSON.parse('{"where":"all"}') as never)],
    ["select of 'all' from JSON", (post) => post.select(JSON.parse('{"where":"all"}') as never)],
    ['count of a text', (post) => post.count('all' as never)],
    ['count of null', (post) => post.count(null as never)],
    ['a function in a condition', (post) => post.get({ title: (() => 'hunter2') as never })],
    ['a symbol in a condition', (post) => post.get({ title: Symbol('hunter2') as never })],
    ['a function in an operator', (post) => post.get({ id: gt((() => 1) as never) })],
    ['a list that is none', (post) => post.get({ id: inList('12' as never) })],
    ['a symbol in a list', (post) => post.get({ id: inList([Symbol('x') as never]) })],
    ['like a number', (post) => post.get({ title: like(5 as never) })],
    ['a condition among others that is none', (post) => post.get(either({ id: 1 }, null as never))],
    ...[null, 'id', [], 5, () => ({})].map((options): [string, Call] => [
      `select(${inspect(options)})`,
      (post) => post.select(options as never),
    ]),
    ['select of columns that are no list', (post) => post.select({ columns: 'id' as never })],
    ['select of a column that is none', (post) => post.select({ columns: [Symbol('id') as never] })],
    ['select with orders that are no list', (post) => post.select({ orders: 'id' as never })],
    ['select with an order of three', (post) => post.select({ orders: [['id', 'asc', 'x'] as never] })],
    ['select with a direction that is none', (post) => post.select({ orders: [['id', 'up']] as never })],
    ['select with a limit of NaN', (post) => post.select({ limit: Number.NaN })],
    ['select without end', (post) => post.select({ limit: Number.POSITIVE_INFINITY })],
    ['select with cache: "yes"', (post) => post.select({ cache: 'yes' as never })],
    ['count with cache: 1', (post) => post.count({ id: 1 }, { cache: 1 as never })],
    ['insert of nothing', (post) => post.insert(undefined as never)],
    ['insert of a promise', (post) => post.insert(Promise.resolve({ title: 'x' }) as never)],
    ['insert of a function', (post) => post.insert({ title: (() => 'hunter2') as never })],
    ['insert of a symbol', (post) => post.insert({ title: Symbol('hunter2') as never })],
    ...[undefined, null, { title: 'x' }, 'rows', new Set([{ title: 'x' }])].flatMap((rows): [string, Call][] => [
      [`insertBulk(${inspect(rows)})`, (post) => post.insertBulk(rows as never)],
      [`updateBulk(${inspect(rows)})`, (post) => post.updateBulk(rows as never)],
    ]),
    ['insertBulk with a row that is none', (post) => post.insertBulk([{ title: 'x' }, null as never])],
    ['updateBulk with a row that is none', (post) => post.updateBulk([{ id: 1, title: 'x' }, 5 as never])],
    ['updateBulk with a row without its key', (post) => post.updateBulk([{ id: 1, title: 'x' }, { title: 'y' }])],
    ['update of nothing', (post) => post.update(undefined as never)],
    ['update with null for options', (post) => post.update({ id: 1, title: 'x' }, null as never)],
    ...[undefined, null, '12', 5, { 0: 1, length: 1 }, [undefined], [null], [{}], [() => 1], [Symbol('x')]].flatMap(
      (keys): [string, Call][] => [
        [`mget(${JSON.stringify(keys)})`, (post) => post.mget(keys as never)],
        [`deleteBulk(${JSON.stringify(keys)})`, (post) => post.deleteBulk(keys as never)],
      ],
    ),
    ['invalidate of a text', (post) => post.invalidate('1' as never)],
    ['newInstance of nothing', (post) => post.newInstance(undefined as never)],
    ['newInstance of the database', (post) => post.newInstance(database as never)],
  ];

  it.each(cases)('%s is refused before anything is sent', async (_, call) => {
    const cached = createModel(
      database,
      defineModel<PostRow>({ table: 'post', key: 'id', cache: { entity: true, query: true } }),
    );
    await expectRefused(() => call(createModel(database, defineModel<PostRow>({ table: 'post', key: 'id' }))));
    await expectRefused(() => call(cached));
    await expectUntouched();
  });

  it('rows, conditions and options of classes and without a prototype are taken', async () => {
    class Post {
      id = 2;
      title = 'of a class';
      get shout(): string {
        return `${this.title}!`;
      }
    }
    class OnlyKept {
      where = Object.assign(Object.create(null) as object, { title: 'kept' });
    }
    const post = createModel(database, defineModel<PostRow>({ table: 'post', key: 'id' }));
    expect(await post.insert(new Post())).toMatchObject({ title: 'of a class' });
    expect(await post.select(new OnlyKept())).toMatchObject([{ title: 'kept' }]);
    expect(await post.update(Object.assign(new Post(), { id: 1 }), new OnlyKept())).toBe(1);
  });

  it('every row is said on purpose', async () => {
    const post = createModel(database, defineModel<PostRow>({ table: 'post', key: 'id' }));
    expect(await post.update({ title: 'new' }, { where: everyRow })).toBe(1);
    expect(await post.delete(everyRow)).toBe(1);
    expect(JSON.stringify([everyRow])).toBe('[null]');
  });

  it('a condition is read once: what is cached under a key is its row', async () => {
    const post = createModel(database, defineModel<PostRow>({ table: 'post', key: 'id', cache: { entity: true } }));
    await server.sql('insert into post (id, title) values (2, $1)', ['other']);
    let reads = 0;
    const where = Object.defineProperty({}, 'id', {
      enumerable: true,
      get: () => {
        reads += 1;
        return reads === 1 ? 1 : 2;
      },
    });
    expect(await post.get(where)).toMatchObject({ title: 'kept' });
    expect(await post.get({ id: 1 })).toMatchObject({ title: 'kept' });
    expect(reads).toBe(1);
  });

  it('a handle of another database is refused', async () => {
    const other = createDatabase({ clients: { default: server.client() } });
    const post = createModel(database, defineModel<PostRow>({ table: 'post', key: 'id' }));
    await expectRefused(() => post.newInstance(other.current));
    await other.close();
  });
});

describe('values of a statement', () => {
  const cases: readonly [string, unknown][] = [
    ['a promise', Promise.resolve('hunter2')],
    ['a thenable', thenable],
    ['an invalid date', invalidDate],
    ['a function', () => 'hunter2'],
    ['a symbol', Symbol('hunter2')],
    ['a promise in a list', ['x', Promise.resolve('hunter2')]],
    ['an invalid date in a list of lists', [[invalidDate]]],
  ];

  it.each(cases)('%s is refused before anything is sent', async (_, value) => {
    const text = 'update post set title = $1';
    await expectRefused(() => database.current.query(text, [value]));
    await expectUntouched();
    await expectRefused(() => database.current.batch([statement(text, ['x']), statement(text, [value])]));
    await database.transaction(async () => {
      await expectRefused(() => database.current.query(text, [value]));
      await database.current.query('update post set title = $1', ['kept']);
    });
    expect((await server.sql('select title from post')).map(({ title }) => title)).toEqual(['kept']);
  });
});

describe('what is to run', () => {
  it.each([[undefined], [null], ['x'], [{}], [Promise.resolve(1)]])('%s is no function', async (body) => {
    const none = body as never;
    const calls: (() => Promise<unknown>)[] = [
      () => database.switchDb(none, {}),
      () => database.switchDbIsolate(none),
      () => rolledBack(database, none),
      () => poolOfOne(database, none),
      () => rolledBack(database, () => captureCommitHooks(none)),
    ];
    for (const call of calls) {
      // A promise that rejects, and not an error that is thrown.
      expect(await rejection(call())).toMatchObject({ code: 'INVALID_OPTION' });
    }
    expect(() => rollbackEach(database, none)).toThrow(InvalidOptionError);
    expect(() => rollbackEach(none, it)).toThrow(InvalidOptionError);
    await expectUntouched();
  });
});

describe('what is to be shown of holders', () => {
  it.each([[undefined], [null], ['x'], [{}], [Promise.resolve([])]])('%s is no list', (list) => {
    const none = list as never;
    for (const call of [() => findStandstills(none), () => formatHolders(none), () => formatStandstills(none)])
      expect(call).toThrow(InvalidOptionError);
  });
});

it('the functions of a database work without it in front of them', async () => {
  const { transaction, query, batch } = database;
  await transaction(() => query(statement('insert into product (id) values ($1)', [1])));
  const [result] = await batch([statement('select id from product')]);
  expect(result.rows).toEqual([{ id: 1 }]);
});

describe('headers that cannot be changed', () => {
  const throws = {
    get: () => undefined,
    set: () => {
      throw new TypeError('immutable');
    },
  };
  it.each<[string, object]>([
    ['a frozen object', Object.freeze({})],
    ['an object that takes no more', Object.preventExtensions({})],
    ['the headers of an answer', Response.error().headers],
    ['what throws', throws],
  ])('%s are refused', (_, headers) => {
    const { injectContext } = createContextCarrier(database, { secret: 'a secret that is long enough' });
    expect(() => injectContext(headers as Record<string, unknown>)).toThrow(InvalidOptionError);
  });
});

describe('calls of a cache', () => {
  type Call = (cache: Cache<unknown>) => unknown;
  const cases: readonly [string, Call][] = [
    ['set of a cycle', (cache) => cache.set(cyclic, 'a')],
    ['set of a function', (cache) => cache.set(() => 'hunter2', 'a')],
    ['set of a symbol', (cache) => cache.set(Symbol('hunter2'), 'a')],
    ['set of a function inside', (cache) => cache.set({ list: [{ call: () => 'hunter2' }] }, 'a')],
    ['set of a promise', (cache) => cache.set(Promise.resolve('hunter2'), 'a')],
    ['set of a promise inside', (cache) => cache.set({ list: [Promise.resolve('hunter2')] }, 'a')],
    ['set of a symbol inside', (cache) => cache.set(new Map([['a', Symbol('hunter2')]]), 'a')],
    ['set of a map of itself', (cache) => cache.set(selfMap(), 'a')],
    ['set of what is nested 100,000 deep', (cache) => cache.set(deep(100_000), 'a')],
    [
      'set of what throws',
      (cache) =>
        cache.set(
          {
            toJSON: () => {
              throw new TypeError('hunter2');
            },
          },
          'a',
        ),
    ],
    ...[undefined, null, 5, 'load', {}, Promise.resolve(1)].map((load): [string, Call] => [
      `getOrSet with ${inspect(load)}`,
      (cache) => cache.getOrSet('a', load as never),
    ]),
    ...[undefined, null, {}, Number.NaN, Symbol('x'), true, [], [undefined], [[]], () => 'a'].flatMap(
      (key): [string, Call][] => [
        [`get(${typeof key})`, (cache) => cache.get(key as never)],
        [`peek(${typeof key})`, (cache) => cache.peek(key as never)],
        [`set(${typeof key})`, (cache) => cache.set(1, key as never)],
        [`del(${typeof key})`, (cache) => cache.del(key as never)],
        [`getOrSet(${typeof key})`, (cache) => cache.getOrSet(key as never, () => 1)],
      ],
    ),
    ...[undefined, null, 'ab', { length: 1 }, new Set(['a'])].flatMap((list): [string, Call][] => [
      [`mget(${inspect(list)})`, (cache) => cache.mget(list as never)],
      [`mdel(${inspect(list)})`, (cache) => cache.mdel(list as never)],
      [`invalidate(${inspect(list)})`, (cache) => cache.invalidate(list as never)],
    ]),
    ['invalidate of no tag', (cache) => cache.invalidate([''])],
    ['invalidate of a symbol', (cache) => cache.invalidate([Symbol('x') as never])],
    ...[null, {}, 'default', 5, { clientName: 'default' }, () => 1].flatMap((db): [string, Call][] => [
      [`get in ${inspect(db)}`, (cache) => cache.get('a', { db: db as never })],
      [`set in ${inspect(db)}`, (cache) => cache.set(1, 'a', { db: db as never })],
      [`getOrSet in ${inspect(db)}`, (cache) => cache.getOrSet('a', () => 1, { db: db as never })],
      [`clear in ${inspect(db)}`, (cache) => cache.clear({ db: db as never })],
      [`invalidate in ${inspect(db)}`, (cache) => cache.invalidate(['x'], { db: db as never })],
    ]),
    ['get in the database itself', (cache) => cache.get('a', { db: database as never })],
    ['get with an unknown option', (cache) => cache.get('a', { ttl: 5 } as never)],
    ['set with an unknown option', (cache) => cache.set(1, 'a', { keep: () => true } as never)],
    ['set with null for options', (cache) => cache.set(1, 'a', null as never)],
    ...strangeObjects.map(([kind, value]): [string, Call] => [
      `set with ${kind} for options`,
      (cache) => cache.set(1, 'a', value as never),
    ]),
    ['mdel with a text for options', (cache) => cache.mdel(['a'], 'x' as never)],
    ['set with a ttl of NaN', (cache) => cache.set(1, 'a', { ttl: Number.NaN })],
    ['set with a ttl that is inherited', (cache) => cache.set(1, 'a', Object.create({ ttl: 'long' }) as object)],
    ['getOrSet with a keep that is none', (cache) => cache.getOrSet('a', () => 1, { keep: true as never })],
  ];

  it.each(cases)('%s is refused before anything is sent', async (_, call) => {
    const cache = createCache<unknown>(database, { name: 'stock' });
    await cache.set('kept', 'kept');
    await expectRefused(() => call(cache));
    expect(await cache.get('kept')).toBe('kept');
    await expectUntouched();
    // In a transaction, which goes on.
    await database.transaction(async () => {
      await expectRefused(() => call(cache));
      await cache.set('more', 'kept');
    });
    expect(await cache.get('kept')).toBe('more');
  });

  it('a handle of another database is refused', async () => {
    const other = createDatabase({ clients: { default: server.client() } });
    await expectRefused(() => createCache(database, { name: 'stock' }).get('a', { db: other.current }));
    await other.close();
  });

  it('what cannot be kept is no answer of getOrSet', async () => {
    const cache = createCache<unknown>(database, { name: 'stock' });
    for (const value of [cyclic, { call: () => 1 }, Symbol('x')])
      await expectRefused(() => cache.getOrSet('a', () => value));
    expect(await cache.getOrSet('a', () => 1)).toBe(1);
  });

  it('tags and serializers that give nonsense are refused', async () => {
    for (const tags of [() => 'tag', () => undefined, () => [5], async () => ['tag'], () => ['']]) {
      await expectRefused(() => createCache(database, { name: 'stock', tags: tags as never }).set(1, 'a'));
    }
    const serializer = { write: () => 5 as never, read: () => 1 };
    await expectRefused(() => createCache<number>(database, { name: 'stock', serializer }).set(1, 'a'));
    await expectUntouched();
  });

  it('a key that is changed later is the key that it was', async () => {
    const cache = createCache<number, string[]>(database, { name: 'stock' });
    const key = ['a'];
    await cache.getOrSet(key, () => {
      key[0] = 'b';
      return Promise.resolve(1);
    });
    expect([await cache.get(['a']), await cache.get(['b'])]).toEqual([1, undefined]);
  });

  it('a date that is none stays one', async () => {
    const cache = createCache<Date>(database, { name: 'stock' });
    await cache.set(new Date(Number.NaN), 'a');
    expect((await cache.get('a'))?.getTime()).toBe(Number.NaN);
  });
});

describe('calls of the outbox', () => {
  const good = { channel: 'broker', queue: 'sales', payload: { sold: 7 } };
  const cases: readonly [string, () => unknown][] = [
    ...[undefined, null, good, 'message', 5, [null], [5], ['x'], [[]]].map((messages): [string, () => unknown] => [
      `messages ${JSON.stringify(messages)}`,
      () => addToOutbox(database.current, messages as never),
    ]),
    ...[undefined, null, {}, 'default'].map((db): [string, () => unknown] => [
      `in ${inspect(db)}`,
      () => addToOutbox(db as never, [good]),
    ]),
    ['in the database itself', () => addToOutbox(database as never, [good])],
    ...(['channel', 'queue', 'key', 'id'] as const).flatMap((name) =>
      [null, '', 5, 'a'.repeat(501), 'a\0b', lone, Symbol('x'), {}].map((value): [string, () => unknown] => [
        `${name}: ${typeof value}`,
        () => addToOutbox(database.current, [good, { ...good, [name]: value }]),
      ]),
    ),
    ...[201, 350, 500].map((length): [string, () => unknown] => [
      `a channel of ${length} characters, which no relay can have`,
      () => addToOutbox(database.current, [{ ...good, channel: 'a'.repeat(length) }]),
    ]),
    ['an unknown name', () => addToOutbox(database.current, [{ ...good, chanel: 'x' } as never])],
    ['a context that is none', () => addToOutbox(database.current, [{ ...good, context: 'tenant' as never }])],
    ['a context that is a list', () => addToOutbox(database.current, [{ ...good, context: [] }])],
    ...[undefined, null, '', 'a'.repeat(201), 5, 'a\0'].flatMap((consumer): [string, () => unknown][] => [
      [
        `consumer ${inspect(consumer).slice(0, 9)} to find`,
        () => findInInbox(database.current, consumer as never, ['1']),
      ],
      [
        `consumer ${inspect(consumer).slice(0, 9)}`,
        () => recordInInbox(database.current, consumer as never, '1', 'null'),
      ],
    ]),
    ...[undefined, 'abc', [5], [''], ['a'.repeat(501)]].map((ids): [string, () => unknown] => [
      `ids ${inspect(ids).slice(0, 9)}`,
      () => findInInbox(database.current, 'stock', ids as never),
    ]),
    ['an id that is none', () => recordInInbox(database.current, 'stock', undefined as never, 'null')],
    ['a result that is none', () => recordInInbox(database.current, 'stock', '1', undefined as never)],
    ...[0, -1, 1.5, Number.NaN, '5', 1e9].map((limit): [string, () => unknown] => [
      `a limit of ${inspect(limit)}`,
      () => parkedMessages(database.current, 'broker', limit as never),
    ]),
    ['parked messages of no channel', () => parkedMessages(database.current, undefined as never)],
    ['a channel that is too long to be parked', () => parkedMessages(database.current, 'a'.repeat(201))],
    ...['1', [1], ['x'], ['1; drop table post'], [''], ['9'.repeat(40)]].map((numbers): [string, () => unknown] => [
      `numbers ${JSON.stringify(numbers)}`,
      () => replayParked(database.current, 'broker', numbers as never),
    ]),
    ['tables in nothing', () => createOutboxTables(undefined as never)],
    ['a relay of what is no database', () => createRelay({} as never, { channel: 'a', deliver: async () => {} })],
    ['a relay of a channel with NUL', () => createRelay(database, { channel: 'a\0', deliver: async () => {} })],
  ];

  const unserializable: readonly [string, () => unknown][] = [
    ['a cycle', () => addToOutbox(database.current, [{ ...good, payload: cyclic }])],
    ['a function', () => addToOutbox(database.current, [{ ...good, payload: () => 'hunter2' }])],
    ['a promise', () => addToOutbox(database.current, [{ ...good, payload: Promise.resolve('hunter2') }])],
    ['a symbol', () => addToOutbox(database.current, [{ ...good, payload: Symbol('hunter2') }])],
    ['a big integer', () => addToOutbox(database.current, [{ ...good, payload: { sold: 7n } }])],
    ['what is nested 100,000 deep', () => addToOutbox(database.current, [{ ...good, payload: deep(100_000) }])],
  ];

  it.each(unserializable)('%s is refused before anything is sent', async (_, call) => {
    await expectRefused(call, 'UNSERIALIZABLE');
    await expectUntouched();
  });

  it.each(cases)('%s is refused before anything is sent', async (_, call) => {
    await expectRefused(call);
    await expectUntouched();
  });

  it('a channel of 200 characters is relayed', async () => {
    await createOutboxTables(database.current);
    const channel = 'a'.repeat(200);
    const got: unknown[] = [];
    await addToOutbox(database.current, [{ ...good, channel }]);
    const deliver = async (messages: readonly { payload: unknown }[]): Promise<void> => {
      got.push(...messages.map(({ payload }) => payload));
    };
    await createRelay(database, { channel, deliver }).drain();
    expect(got).toEqual([{ sold: 7 }]);
  });
});

function selfMap(): Map<string, unknown> {
  const map = new Map<string, unknown>();
  return map.set('self', map);
}
