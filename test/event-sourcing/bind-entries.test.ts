// Event stores that Sluice does not know, bound by the names of their methods.
import { dumbo, sql } from '@event-driven-io/dumbo';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { type Database, UnboundLibraryError } from '../../src/index.ts';
import { bindEntries } from '../../src/ports/library/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';
import { type EventStore, openEventStore, storeTables, VersionConflict } from './event-store.ts';

class Undo extends Error {}

const server = useTestDatabase(...storeTables);
const placed = [{ type: 'placed' }];

const events = async (stream?: string): Promise<number> => {
  const rows = await server.sql('select count(*)::int as count from event where stream = coalesce($1, stream)', [
    stream,
  ]);
  return Number(rows[0]?.['count']);
};

beforeEach(() => server.sql('truncate stream, event, projected'));

describe.each([1, 10])('an event store with max: %i', (max) => {
  let database: Database<'default'>;
  let pool: pg.Pool;
  let store: EventStore;

  beforeEach(() => {
    database = server.open({ max }, { unbound: 'error' });
    pool = ambientPool(database);
    store = bindEntries(
      database,
      openEventStore(pool, async (stream, appended) => {
        await database.current.query(
          'insert into projected values ($1, $2) on conflict (stream) do update set events = projected.events + $2',
          [stream, appended.length],
        );
      }),
      ['appendToStream'],
    );
  });

  it('appends in a transaction of its own where none is ambient', async () => {
    expect(await store.appendToStream('a', placed)).toBe(1);
    expect(await events()).toBe(1);
    expect(await store.readStream('a')).toEqual(placed);
  });

  it('appends in the ambient transaction', async () => {
    const seen = await database.transaction(async () => {
      await insert(database, 1);
      await store.appendToStream('a', placed);
      return await events();
    });
    expect([seen, await events(), await server.products()]).toEqual([0, 1, [1]]);
  });

  it('is rolled back with the ambient transaction', async () => {
    const undone = await rejection(
      database.transaction(async () => {
        await store.appendToStream('a', placed);
        await insert(database, 1);
        throw new Undo();
      }),
    );
    expect(undone).toBeInstanceOf(Undo);
    expect([await events(), await server.products()]).toEqual([0, []]);
  });

  it('undoes an append alone whose version conflicts', async () => {
    await store.appendToStream('a', placed);
    await database.transaction(async () => {
      await insert(database, 1);
      const conflict = await rejection(store.appendToStream('a', placed, { expectedVersion: 0 }));
      expect(conflict).toBeInstanceOf(VersionConflict);
      await store.appendToStream('b', placed, { expectedVersion: 0 });
    });
    expect([await events('a'), await events('b'), await server.products()]).toEqual([1, 1, [1]]);
  });

  it('undoes an append alone whose statement fails', async () => {
    await database.transaction(async () => {
      await insert(database, 1);
      await rejection(store.appendToStream('a', [{ type: 'placed' }, { type: null as never }]));
      await store.appendToStream('b', placed);
    });
    expect([await events('a'), await events('b'), await server.products()]).toEqual([0, 1, [1]]);
  });

  it('appends to several streams at once in one transaction', async () => {
    const streams = ['a', 'b', 'c', 'd', 'e'];
    await database.transaction(async () => {
      await Promise.all(streams.map((stream) => store.appendToStream(stream, placed)));
    });
    expect(await events()).toBe(5);
  });

  it('undoes the one that fails of several at once', async () => {
    await store.appendToStream('b', placed);
    const outcomes = await database.transaction(() =>
      Promise.allSettled(['a', 'b', 'c'].map((stream) => store.appendToStream(stream, placed, { expectedVersion: 0 }))),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect([await events('a'), await events('b'), await events('c')]).toEqual([1, 1, 1]);
  });

  it('appends to one stream from many transactions', async () => {
    const append = (): Promise<number> => database.transaction(() => store.appendToStream('a', placed));
    const versions = await Promise.all(Array.from({ length: 20 }, append));
    expect(versions.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  it('takes a transaction of its own with REQUIRES_NEW', async () => {
    const undone = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await database.transaction(() => store.appendToStream('audit', placed), { propagation: 'REQUIRES_NEW' });
        throw new Undo();
      }),
    );
    expect(undone).toBeInstanceOf(Undo);
    expect([await events(), await server.products()]).toEqual([1, []]);
  });

  it('runs an inline projection that uses the ambient transaction in that of the append', async () => {
    await store.appendToStream('a', placed);
    const conflict = await rejection(store.appendToStream('a', placed, { expectedVersion: 0 }));
    expect(conflict).toBeInstanceOf(VersionConflict);
    expect(await server.sql('select * from projected')).toEqual([{ stream: 'a', events: 1 }]);
  });

  it('rolls an append back whose inline projection fails', async () => {
    const failing = bindEntries(
      database,
      openEventStore(pool, () => Promise.reject(new Undo())),
      ['appendToStream'],
    );
    expect(await rejection(failing.appendToStream('a', placed))).toBeInstanceOf(Undo);
    expect(await events()).toBe(0);
  });

  it('runs hooks that are registered below an append with its commit', async () => {
    const told: string[] = [];
    const telling = bindEntries(
      database,
      openEventStore(pool, async (stream) => {
        database.current.afterCommit(() => void told.push(`${stream} committed`));
        told.push(`${stream} projected`);
      }),
      ['appendToStream'],
    );
    await telling.appendToStream('a', placed);
    await database.transaction(async () => {
      await telling.appendToStream('b', placed);
      told.push('body ends');
    });
    expect(told).toEqual(['a projected', 'a committed', 'b projected', 'body ends', 'b committed']);
  });

  it('reads in the ambient transaction what that has appended', async () => {
    const read = await database.transaction(async () => {
      await store.appendToStream('a', placed);
      return await store.readStream('a');
    });
    expect(read).toEqual(placed);
  });

  it('is repeated whole by retry', async () => {
    let attempts = 0;
    await database.transaction(
      async () => {
        attempts += 1;
        await store.appendToStream('a', placed);
        if (attempts === 1) await database.current.query("do $$ begin raise exception using errcode = '40001'; end $$");
      },
      { retry: { attempts: 2, delay: 0 } },
    );
    expect([attempts, await events()]).toEqual([2, 1]);
  });

  it('joins its database with another store of the same pool', async () => {
    const db = bindEntries(database, dumbo({ connectionString: 'postgres://127.0.0.1:1/none', pool }), [
      'withTransaction',
    ]);
    const undone = await rejection(
      db.withTransaction(async ({ execute }) => {
        await execute.command(sql('insert into product (id) values (%s)', 1));
        await store.appendToStream('a', placed);
        throw new Undo();
      }),
    );
    expect(undone).toBeInstanceOf(Undo);
    expect([await events(), await server.products()]).toEqual([0, []]);
  });

  it('names what an inline projection without the bind does, and the remedy', async () => {
    const unbound = openEventStore(pool, async () => insert(database, 1));
    const error = await rejection(unbound.appendToStream('a', placed));
    expect(error).toBeInstanceOf(UnboundLibraryError);
    expect(String(error)).toContain('bindEntries');
    expect([await events(), await server.products()]).toEqual([0, []]);
  });
});

describe('what bindEntries is given', () => {
  const append = (): Promise<void> => Promise.resolve();
  class Store {
    append = append;
  }
  const nonsense: readonly (readonly [string, (database: Database<'default'>) => unknown])[] = [
    ['no object', (database) => bindEntries(database, undefined as never, ['append'] as never)],
    ['a promise', (database) => bindEntries(database, Promise.resolve(new Store()), ['append' as never])],
    ['no names', (database) => bindEntries(database, new Store(), [])],
    ['a name alone', (database) => bindEntries(database, new Store(), 'append' as never)],
    ['a method', (database) => bindEntries(database, new Store(), [append as never])],
    ['a name that is no method', (database) => bindEntries(database, new Store(), ['add' as never])],
    ['a generator', (database) => bindEntries(database, { *append() {} }, ['append' as never])],
    ['an async generator', (database) => bindEntries(database, { async *append() {} }, ['append' as never])],
    ['a frozen object', (database) => bindEntries(database, Object.freeze(new Store()), ['append'])],
  ];
  it.each(nonsense)('refuses %s', (_, bind) => {
    expect(() => bind(server.open())).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  it('binds nothing of an object of which one method cannot be bound', () => {
    const store = { append, end: 1 };
    expect(() => bindEntries(server.open(), store, ['append', 'end' as never])).toThrow('no method "end"');
    expect(store.append).toBe(append);
  });

  it('refuses another client, and leaves what is bound as it is', () => {
    const store = new Store();
    const database = server.open();
    const bind = (): unknown => Reflect.get(bindEntries(database, store, ['append']), 'append');
    const bound = bind();
    expect(bind()).toBe(bound);
    expect(() => bindEntries(server.open(), store, ['append'])).toThrow('another client or database');
    expect(bound).toHaveProperty('name', append.name);
  });

  it('refuses what is read after its transaction', async () => {
    const store = bindEntries(server.open(), { read: async () => ({ [Symbol.asyncIterator]: () => ({}) }) }, ['read']);
    expect(await rejection(store.read())).toMatchObject({ code: 'DEFERRED_RESULT' });
  });

  it('keeps the object that a method is called on', async () => {
    class Counting {
      count = 0;
      async append(): Promise<number> {
        return (this.count += 1);
      }
    }
    const store = bindEntries(server.open(), new Counting(), ['append']);
    await store.append();
    expect([await store.append(), store.count]).toEqual([2, 2]);
  });

  it('joins without a savepoint where it is asked to', async () => {
    const database = server.open();
    const failing = bindEntries(database, { append: () => Promise.reject<void>(new Undo()) }, ['append'], {
      propagation: 'REQUIRED',
    });
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await rejection(failing.append());
      }),
    );
    expect(error).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
  });
});
