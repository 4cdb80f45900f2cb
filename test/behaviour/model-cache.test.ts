import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/cache/index.ts';
import { type CacheBackoffEvent, channelNames, type Database } from '../../src/index.ts';
import {
  createModel,
  defineModel,
  either,
  everyRow,
  gt,
  inList,
  type Model,
  type ModelCacheOptions,
} from '../../src/model/index.ts';
import { itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

interface PostRow {
  id: number;
  title: string;
  views: number;
  tenant: number | null;
}
interface CodeRow {
  id: string;
  title: string;
}
class Declined extends Error {}

const server = useTestDatabase(
  `create table post (id int primary key, title varchar(100) not null, views int not null default 0, tenant int)`,
  `create table code (id varchar(50) primary key, title varchar(100) not null)`,
);
let database: Database<'default'>;
let store: CountedStore;
let post: Model<PostRow, 'id'>;
/** As in another process. */
let elsewhere: Model<PostRow, 'id'>;

/** Counts the tags that it is told of. */
class CountedStore extends MemoryStore {
  tags: string[] = [];
  override prepare(...args: Parameters<MemoryStore['prepare']>): ReturnType<MemoryStore['prepare']> {
    this.tags.push(...args[1]);
    return super.prepare(...args);
  }
}

function open(cache: ModelCacheOptions<PostRow>): Model<PostRow, 'id'> {
  return createModel(database, defineModel<PostRow>({ table: 'post', key: 'id', cache: { store, ...cache } }));
}

beforeEach(async () => {
  for (const table of ['post', 'code']) await server.sql(`delete from ${table}`);
  database = server.open({ max: 4 });
  store = new CountedStore();
  const cache = { entity: true, query: true, tags: { tenant: 'number' } } as const;
  post = open(cache);
  elsewhere = open(cache);
  await post.insertBulk([
    { id: 1, title: 'a', views: 1, tenant: 1 },
    { id: 2, title: 'b', views: 2, tenant: 2 },
    { id: 3, title: 'c', views: 3, tenant: null },
  ]);
});

/** A change that the model knows nothing of, so that a cached answer shows. */
const behindItsBack = (title: string): Promise<unknown> => server.sql(`update post set title = '${title}'`);
const titleOf = async (id: number, model = post): Promise<string | undefined> => (await model.get({ id }))?.title;
const titles = async (...args: Parameters<typeof post.select>): Promise<string[]> =>
  (await post.select(...args)).map(({ title }) => title).toSorted();

describe('a row or query that the database does not give in time', () => {
  it('fails with CACHE_LOAD_TIMEOUT, and is there for the next one when the database answers', async () => {
    const narrow = server.open({ max: 1 });
    const cache = { entity: true, query: true, loadTimeout: 100 };
    const slow = createModel(narrow, defineModel<PostRow>({ table: 'post', key: 'id', cache }));
    // On a busy machine the database is not always in time.
    const patiently = async <Result>(load: () => Promise<Result>): Promise<Result> => {
      let result: Promise<Result> = load();
      await until('it answers', () =>
        result.then(
          () => true,
          () => ((result = load()), false),
        ),
      );
      return await result;
    };
    // It knows its columns.
    await patiently(() => slow.get({ id: 1 }));
    const [isHeld, mayEnd] = [signal(), signal()];
    const holding = narrow.transaction(async () => {
      await narrow.current.query('select 1 as one');
      isHeld.fire();
      await mayEnd.promise;
    });
    await isHeld.promise;
    const asked = [slow.get({ id: 2 }), slow.mget([2, 3]), slow.select({ where: { tenant: 2 } })];
    const errors = await Promise.all(asked.map((each) => rejection(each)));
    expect(errors.map(({ code }) => code)).toEqual(asked.map(() => 'CACHE_LOAD_TIMEOUT'));
    mayEnd.fire();
    await holding;
    expect(await patiently(() => slow.get({ id: 2 }))).toMatchObject({ title: 'b' });
    expect((await patiently(() => slow.mget([2, 3]))).map((row) => row?.title)).toEqual(['b', 'c']);
  });
});

describe('rows by their key', () => {
  it('are kept, for get by the key alone and for mget', async () => {
    expect(await titleOf(1)).toBe('a');
    expect((await post.mget([1, 2, 9])).map((row) => row?.title)).toEqual(['a', 'b', undefined]);
    await behindItsBack('x');
    expect((await elsewhere.mget([3, 2, 1, 2])).map((row) => row?.title)).toEqual(['x', 'b', 'a', 'b']);
    expect((await post.get({ id: 1, views: 1 }))?.title).toBe('x');
    expect(await titleOf(1, elsewhere)).toBe('a');
    expect(elsewhere.cacheStatistics?.entity).toMatchObject({ hits: 4, loads: 1 });
  });

  it.each([
    ['update', () => post.update({ id: 1, title: 'new' }), 'new'],
    ['update by other conditions', () => post.update({ title: 'new' }, { where: { views: 1 } }), 'new'],
    ['update of all', () => post.update({ title: 'new' }, { where: everyRow }), 'new'],
    ['update of a list', () => post.update({ title: 'new' }, { where: { id: inList([1, 2]), views: gt(0) } }), 'new'],
    ['update of one of several', () => post.update({ title: 'new' }, { where: either({ id: 1 }, { id: 2 }) }), 'new'],
    ['updateBulk', () => post.updateBulk([{ id: 1, title: 'new' }]), 'new'],
    ['delete', () => post.delete({ id: 1 }), undefined],
    ['delete by other conditions', () => post.delete({ views: 1 }), undefined],
    ['delete of all', () => post.delete(everyRow), undefined],
    ['deleteBulk', () => post.deleteBulk([1]), undefined],
  ])('are new after %s: for the transaction at once, for the others with its commit', async (_name, change, title) => {
    expect(await titleOf(1, elsewhere)).toBe('a');
    await rejection(
      database.transaction(async () => {
        await change();
        expect(await titleOf(1)).toBe(title);
        throw new Declined();
      }),
    );
    await behindItsBack('x');
    // What was rolled back has touched nothing.
    expect(await titleOf(1, elsewhere)).toBe('a');
    await change();
    expect(await titleOf(1, elsewhere)).toBe(title);
  });

  it('that are not there are looked for again', async () => {
    expect(await titleOf(7)).toBeUndefined();
    await server.sql("insert into post (id, title) values (7, 'late')");
    expect(await titleOf(7)).toBe('late');
  });

  it('that were changed in another way are new when that is said, of some or of all', async () => {
    await post.mget([1, 2]);
    await behindItsBack('x');
    await database.transaction(() => post.invalidate([1]));
    expect((await post.mget([1, 2])).map((row) => row?.title)).toEqual(['x', 'b']);
    await post.invalidate();
    expect(await titleOf(2)).toBe('x');
  });

  it('of a transaction that has written anything come from the database', async () => {
    await titleOf(1);
    await database.transaction(
      async () => {
        await database.current.query("update post set title = 'own' where id = 1");
        expect(await titleOf(1)).toBe('own');
      },
      { isolationLevel: 'READ_COMMITTED' },
    );
  });

  it('are never those of another key which the server takes for the same', async () => {
    const code = createModel(database, defineModel<CodeRow>({ table: 'code', key: 'id', cache: { entity: true } }));
    await code.insert({ id: 'abc', title: 'small' });
    expect((await code.get({ id: 'abc' }))?.title).toBe('small');
    const other = await code.get({ id: 'ABC' });
    expect(await code.get({ id: 'ABC' })).toEqual(other);
    const both = await Promise.all([code.get({ id: 'aBc' }), code.get({ id: 'ABC' }), code.get({ id: 'abc' })]);
    expect(both).toEqual([other, other, { id: 'abc', title: 'small' }]);
    if (other === undefined) await code.insert({ id: 'ABC', title: 'large' });
    else await code.update({ title: 'large' }, { where: { id: 'ABC' } });
    expect((await code.get({ id: 'ABC' }))?.title).toBe('large');
    expect((await code.get({ id: 'abc' }))?.title).toBe(other === undefined ? 'small' : 'large');
    for (const id of ['', 'é', 'x y', '__proto__', 'a:b', 'a/b', '{', '05', '1e1', 'x'.repeat(49)]) {
      await code.insert({ id, title: id.slice(0, 3) });
      for (let time = 0; time < 2; time += 1) expect(await code.get({ id })).toEqual({ id, title: id.slice(0, 3) });
      await code.update({ id, title: 'new' });
      expect((await code.mget([id]))[0]?.title).toBe('new');
      await code.delete({ id });
      expect(await code.get({ id })).toBeUndefined();
    }
  });
});

describe('queries', () => {
  it('are kept by what they ask', async () => {
    expect(await titles()).toEqual(['a', 'b', 'c']);
    expect(await post.count({ views: gt(1) })).toBe(2);
    expect((await post.get({ title: 'b' }))?.id).toBe(2);
    await server.sql('delete from post');
    expect(await titles()).toEqual(['a', 'b', 'c']);
    expect(await elsewhere.count({ views: gt(1) })).toBe(2);
    expect((await elsewhere.get({ title: 'b' }))?.id).toBe(2);
    expect(await titles({ where: { views: gt(1) } })).toEqual([]);
    expect(await titles({ limit: 5 })).toEqual([]);
    expect(await titles({ cache: false })).toEqual([]);
    expect(await post.count({ views: gt(1) }, { cache: false })).toBe(0);
  });

  it.each([
    ['insert', () => post.insert({ id: 9, title: 'z', tenant: 2 })],
    ['insertBulk', () => post.insertBulk([{ id: 9, title: 'z', tenant: 2 }])],
    ['update', () => post.update({ id: 2, title: 'z' })],
    ['delete', () => post.delete({ id: 2 })],
    ['invalidate', () => post.invalidate([2])],
  ])('of the table are asked anew after %s, with its commit', async (_name, change) => {
    expect(await elsewhere.count()).toBe(3);
    await server.sql("insert into post (id, title) values (7, 'late')");
    await rejection(
      database.transaction(async () => {
        await change();
        throw new Declined();
      }),
    );
    expect(await elsewhere.count()).toBe(3);
    await change();
    expect(await elsewhere.count()).toBe(await post.count(undefined, { cache: false }));
  });

  it('for one value of a tag are not touched by writes of rows with another', async () => {
    const ofOne = (): Promise<string[]> => titles({ where: { tenant: 1, views: gt(0) } });
    expect(await ofOne()).toEqual(['a']);
    await behindItsBack('x');
    await post.insert({ id: 9, title: 'z', tenant: 2 });
    await post.insert({ id: 10, title: 'z', tenant: null });
    await post.update({ title: 'y' }, { where: { tenant: 2, views: gt(0) } });
    await post.delete({ tenant: 2 });
    expect(await ofOne()).toEqual(['a']);
    await post.insert({ id: 11, title: 'z', tenant: 1, views: 1 });
    expect(await ofOne()).toEqual(['x', 'z']);
  });

  it.each([
    ['a row that moves there', () => post.update({ id: 3, tenant: 1 })],
    ['rows that move there from another one', () => post.update({ tenant: 1 }, { where: { tenant: 2 } })],
    ['a row that moves away', () => post.update({ tenant: 2 }, { where: { tenant: 1 } })],
    ['a write that does not say where', () => post.update({ title: 'y' }, { where: { views: 1 } })],
    ['a write by the key', () => post.update({ id: 1, title: 'y' })],
    ['a write to all', () => post.update({ title: 'y' }, { where: everyRow })],
    ['a deletion that does not say where', () => post.delete({ title: 'x' })],
    ['a change in another way', () => post.invalidate()],
  ])('for one value of a tag are asked anew after %s', async (_name, change) => {
    const ofOne = (): Promise<string[]> => titles({ where: { tenant: 1 } });
    expect(await ofOne()).toEqual(['a']);
    await behindItsBack('x');
    await change();
    expect(await ofOne()).not.toEqual(['a']);
  });

  it('are kept only where a call says so, if the model says no more', async () => {
    const asked = open({ query: false });
    const never = open({ entity: true });
    for (const model of [asked, never]) await model.count();
    expect(await asked.count(undefined, { cache: true })).toBe(3);
    await never.count(undefined, { cache: true });
    await server.sql('delete from post');
    expect(await asked.count()).toBe(0);
    expect(await asked.count(undefined, { cache: true })).toBe(3);
    expect(await never.count(undefined, { cache: true })).toBe(0);
  });

  it('are left alone for a while when their answers are not asked for again', async () => {
    const events: CacheBackoffEvent[] = [];
    const listener = (event: unknown): void => void events.push(event as CacheBackoffEvent);
    subscribe(channelNames.cacheBackoff, listener);
    for (let views = 0; views < 500; views += 1) await post.count({ views: gt(views) });
    unsubscribe(channelNames.cacheBackoff, listener);
    expect(events).toEqual([{ table: 'post', hitRate: 0, queries: 10_000 }]);
    expect(post.cacheStatistics?.isBackedOff).toBe(true);
    await post.count();
    await server.sql('delete from post');
    expect(await post.count()).toBe(0);
  });
});

describe('what a model caches', () => {
  itWith('several writers')('stays small when one transaction writes 10,000 rows', async () => {
    const rows = Array.from({ length: 10_000 }, (_, at) => ({ id: 100 + at, title: 't', tenant: at }));
    store.tags = [];
    await post.insertBulk(rows);
    expect(store.tags.toSorted()).toEqual(['#default:post', '#default:post:*']);
    store.tags = [];
    await database.transaction(async () => {
      await post.deleteBulk(rows.slice(0, 5_000).map(({ id }) => id));
      await post.deleteBulk(rows.slice(5_000).map(({ id }) => id));
    });
    expect(store.tags.toSorted()).toEqual(['#default:post', '#default:post:*', 'row:default:post/']);
  });

  it('is apart for each client, and the same for every level', async () => {
    const definition = defineModel<PostRow>({ table: 'post', key: 'id', cache: { entity: true, query: true, store } });
    const model = createModel(database, definition);
    await model.count();
    await server.sql('delete from post');
    expect(await model.newInstance(database.getDb({ level: 1 })).count()).toBe(3);
    expect(model.cacheStatistics?.query).toMatchObject({ hits: 1, loads: 1 });
    expect(createModel(database, defineModel<PostRow>({ table: 'post', key: 'id' })).cacheStatistics).toBeUndefined();
  });

  it('has the types of what the engine gives', async () => {
    const fresh = await post.get({ id: 1, views: 1 });
    const [first, second] = [await post.get({ id: 1 }), await post.get({ id: 1 })];
    expect(first).toEqual(fresh);
    expect(second).toEqual(fresh);
  });

  it('is described in terms that are checked', () => {
    const columns = ['id'] as const;
    expect(() =>
      defineModel<PostRow>({ table: 'post', key: 'id', columns, cache: { tags: { tenant: 'number' } } }),
    ).toThrow(/none of its columns/);
    for (const cache of [5, { entity: 1 }, { tags: { 'x"y': 'number' } }, { tags: { views: 'date' } }, { unknown: 1 }])
      expect(() => defineModel<PostRow>({ table: 'post', key: 'id', cache: cache as never })).toThrow(/cache/i);
  });
});
