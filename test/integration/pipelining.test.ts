// Statements that a transaction issues without awaiting each other. Counts are taken on the wire.
import { tracingChannel } from 'node:diagnostics_channel';
import pg from 'pg';
import { DataSource, type DeepPartial, EntitySchema } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, type StatementTrace, traceNames } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { libraries, openRunners } from '../support/pipelined-postgres.ts';
import { rejection, until } from '../support/settled.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase(
  // Nothing in the text of its call says what it does.
  "create function forget() returns void language plpgsql as $$ begin execute 'deallocate all'; end $$",
  'create table parcel (id serial primary key, weight int not null default 1)',
);
interface Parcel {
  readonly id: number;
  readonly weight: number;
}
const parcel = new EntitySchema<Parcel>({
  name: 'parcel',
  columns: { id: { type: 'int', primary: true, generated: true }, weight: { type: 'int' } },
});
const nested = { propagation: 'NESTED' } as const;
let proxy: WireProxy;
let database: Database<'default'>;
let gate: pg.Client;

beforeAll(async () => {
  proxy = await startWireProxy(server.url);
});
afterAll(() => proxy.close());
beforeEach(async () => {
  database = await connect();
  gate = new pg.Client({ connectionString: server.url });
  await gate.connect();
});
afterEach(() => gate.end());

/** What waits at the gate goes on when it is opened. */
const close = (): Promise<unknown> => gate.query('select pg_advisory_lock(7)');
const open = (): Promise<unknown> => gate.query('select pg_advisory_unlock(7)');
const atGate = 'select pg_advisory_xact_lock(7)';
const waits = (text = atGate): Promise<void> => until('it waits', async () => (await server.running(text)) === 1);

async function connect(pipelining = true): Promise<Database<'default'>> {
  const opened = server.open({ connectionString: proxy.url, max: 1, pipelining });
  for (let time = 0; time < 2; time += 1) await opened.transaction(() => opened.current.query('select 1'));
  return opened;
}

interface Counted {
  readonly roundTrips: number;
  readonly writes: number;
}

async function counted(work: () => Promise<unknown>): Promise<Counted> {
  proxy.takeRoundTrips();
  proxy.takeWrites();
  await work();
  return { roundTrips: proxy.takeRoundTrips(), writes: proxy.takeWrites() };
}

const value = async (number: number): Promise<unknown> =>
  (await database.current.query<{ value: number }>('select $1::int as value', [number])).rows[0]?.value;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const codes = async (work: readonly Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.allSettled(work)).map((settled) =>
    settled.status === 'fulfilled' ? 'done' : (settled.reason as { code: unknown }).code,
  );
const failing = (): Promise<unknown> => database.current.query('select 1 / 0');

describe('statements that are issued together', () => {
  it.each([2, 5, 20, 63])('%i cost two round trips and two writes, and each has its own rows', async (count) => {
    let values: unknown;
    const cost = await counted(() =>
      database.transaction(async () => {
        values = await Promise.all(numbers(count).map((number) => value(number)));
      }),
    );
    expect(values).toEqual(numbers(count));
    expect(cost).toEqual({ roundTrips: 2, writes: 2 });
  });

  it('are 64 at most', async () => {
    let values: unknown;
    const cost = await counted(() =>
      database.transaction(async () => {
        values = await Promise.all(numbers(200).map((number) => value(number)));
      }),
    );
    expect(values).toEqual(numbers(200));
    // The first 64, and then as many more as were answered, which is half of that or more.
    expect(cost.roundTrips).toBeGreaterThanOrEqual(1 + Math.ceil(200 / 64));
    expect(cost.roundTrips).toBeLessThanOrEqual(2 + Math.ceil((200 - 64) / 32));
  });

  it('go one after the other without pipelining, and where they are awaited', async () => {
    const five = (opened: Database<'default'>) => () =>
      opened.transaction(() => Promise.all(numbers(5).map((id) => insert(opened, id + 10))));
    expect(await counted(five(await connect(false)))).toEqual({ roundTrips: 6, writes: 6 });
    const awaited = database.transaction(async () => {
      for (const id of numbers(5)) await insert(database, id);
    });
    expect(await counted(() => awaited)).toEqual({ roundTrips: 6, writes: 6 });
  });

  it('go at once, too, where the server has not answered those before', async () => {
    await close();
    await database.transaction(async () => {
      await value(0);
      const held = database.current.query(atGate);
      await waits();
      proxy.takeWrites();
      const behind = value(1);
      await until('it is sent', () => proxy.takeWrites() === 1);
      await open();
      expect(await behind).toBe(1);
      await held;
    });
  });

  it('end with the failure of the one that failed and the refusal of those behind', async () => {
    const transaction = database.transaction(async () => {
      const work = [insert(database, 1), insert(database, 1), insert(database, 2), failing(), value(1)];
      expect(await codes(work)).toEqual(['done', '23505', '25P02', '25P02', '25P02']);
    });
    expect(await rejection(transaction)).toMatchObject({ code: 'UNEXPECTED_ROLLBACK', cause: { code: '23505' } });
    expect(await server.products()).toEqual([]);
  });

  it('are not stopped by a value that cannot be sent', async () => {
    const toPostgres = (): never => {
      throw new RangeError('no value');
    };
    await database.transaction(async () => {
      const bad = database.current.query('select $1::int', [{ toPostgres }]);
      const settled = await Promise.allSettled([value(1), bad, value(2)]);
      expect(settled).toMatchObject([{ value: 1 }, { reason: { message: 'no value' } }, { value: 2 }]);
    });
  });

  it('stay in front of and behind a NESTED scope', async () => {
    await database.transaction(async () => {
      const count = async (): Promise<number> => (await database.current.query('select id from product')).rowCount;
      const failed = database.transaction(async () => {
        await Promise.all([insert(database, 8), insert(database, 9)]);
        expect(await count()).toBe(3);
        throw new Error('rolled back');
      }, nested);
      const seen = await Promise.allSettled([insert(database, 1), failed, count(), insert(database, 2), count()]);
      expect(seen).toMatchObject([{}, { status: 'rejected' }, { value: 1 }, {}, { value: 2 }]);
    });
    expect(await server.products()).toEqual([1, 2]);
  });
});

describe('what the server has prepared', () => {
  const twice = async (text: string): Promise<void> => {
    for (let time = 0; time < 2; time += 1) await database.current.query(text);
  };

  it('and has dropped: a BEGIN that fails takes no statement out of its transaction', async () => {
    await twice('select 2');
    await database.current.query('select forget()');
    const error = new Error('rolled back');
    const transaction = database.transaction(async () => {
      await Promise.all([value(1), insert(database, 1), insert(database, 2)]);
      throw error;
    });
    expect(await rejection(transaction)).toBe(error);
    expect(await server.products()).toEqual([]);
  });

  it('a BEGIN that fails takes none out that comes before its answer, either', async () => {
    await twice('select 2');
    await database.current.query('select forget()');
    const error = new Error('rolled back');
    const thaw = proxy.freeze();
    const transaction = database.transaction(async () => {
      const first = value(1);
      // It is sent at the end of this turn.
      await new Promise((resolve) => setImmediate(resolve));
      const second = insert(database, 1);
      await new Promise((resolve) => setImmediate(resolve));
      thaw();
      await Promise.all([first, second]);
      throw error;
    });
    expect(await rejection(transaction)).toBe(error);
    expect(await server.products()).toEqual([]);
  });

  it('or would have, were it not skipped, is parsed the next time', async () => {
    const text = "select 'skipped' as text";
    await database.current.query(text);
    await rejection(database.transaction(() => Promise.all([value(1), failing(), database.current.query(text)])));
    await database.transaction(async () => {
      const [, { rows }] = await Promise.all([value(1), database.current.query(text)]);
      expect(rows).toEqual([{ text: 'skipped' }]);
    });
  });

  it('is not asked for by name behind a write that may fail to give it', async () => {
    const text = "select 'named' as text";
    await database.current.query(text);
    await close();
    const transaction = database.transaction(async () => {
      await value(0);
      const first = [
        database.current.query('select pg_advisory_xact_lock(7), 1 / (random() * 0)::int'),
        database.current.query(text),
      ];
      const settled = codes(first);
      await waits('select pg_advisory_xact_lock(7), 1 / (random() * 0)::int');
      const behind = codes([database.current.query(text)]);
      await open();
      expect([await settled, await behind]).toEqual([['22012', '25P02'], ['25P02']]);
    });
    await rejection(transaction);
  });

  it('is not asked for by name behind a write that fails to give it, by what is sent again', async () => {
    const text = "select 'again' as text";
    const failing = 'select pg_advisory_xact_lock(7), 1 / (random() * 0)::int';
    await close();
    const transaction = database.transaction(async () => {
      await value(0);
      // The text comes for the first time, and again in the next write, which is to give it a name.
      const first = [database.current.query(failing), database.current.query(text)];
      const settled = codes(first);
      await waits(failing);
      const thaw = proxy.freeze();
      const behind = codes([database.current.query(text)]);
      await open();
      await rejection(first[0] ?? Promise.resolve());
      // What was skipped is sent again at the end of this turn.
      await new Promise((resolve) => setImmediate(resolve));
      thaw();
      expect([await settled, await behind]).toEqual([['22012', '25P02'], ['25P02']]);
    });
    await rejection(transaction);
  });

  it('is told with the columns of its time, when a table changes in between', async () => {
    const text = 'select * from product';
    await insert(database, 1);
    for (let time = 0; time < 3; time += 1) await database.current.query(text);
    await database.transaction(async () => {
      await value(0);
      await close();
      const held = database.current.query(atGate);
      const before = database.current.query(text);
      await waits();
      const change = database.current.query('alter table product add column extra int default 5');
      const after = database.current.query(text);
      await open();
      expect((await before).rows).toEqual([{ id: 1, stock: 0, name: null }]);
      expect((await after).rows).toEqual([{ id: 1, stock: 0, name: null, extra: 5 }]);
      await Promise.all([held, change]);
      await database.current.query('alter table product drop column extra');
    });
  });

  it('is never followed where it copies', async () => {
    await database
      .transaction(async () => {
        const settled = codes([value(1), database.current.query('/* all */ copy product from stdin'), value(2)]);
        expect(await settled).toEqual(['done', '57014', '25P02']);
      })
      .catch(() => {});
    expect(await value(3)).toBe(3);
  });
});

describe('those who look on', () => {
  it('see the statement that the server is at, and hear of each by itself', async () => {
    const events: StatementTrace[] = [];
    const subscriber = { asyncEnd: (event: object) => void events.push(event as StatementTrace) };
    const channel = tracingChannel(traceNames.statement);
    channel.subscribe(subscriber as never);
    await close();
    await database.transaction(async () => {
      await value(0);
      const all = [value(1), database.current.query(atGate), value(2)];
      const running = async (): Promise<unknown> => (await database.holders())[0]?.running?.text;
      await until('it is at it', async () => (await running()) === 'select pg_advisory_xact_lock(?)');
      await all[0];
      await open();
      await Promise.all(all);
    });
    channel.unsubscribe(subscriber as never);
    expect(events.map(({ text, rowCount, failed }) => [text.slice(0, 14), rowCount, failed])).toEqual([
      ['select $1::int', 1, false],
      ['select $1::int', 1, false],
      ['select pg_advi', 1, false],
      ['select $1::int', 1, false],
    ]);
    for (const { queued, running } of events) expect([typeof queued, typeof running]).toEqual(['number', 'number']);
  });
});

describe('what is given up', () => {
  it('ends with its transaction, however many are under way', async () => {
    await close();
    const transaction = database.transaction(
      () =>
        Promise.all([
          insert(database, 1),
          database.current.query(atGate),
          insert(database, 2),
          database.current.query('select pg_sleep(600)'),
        ]),
      { timeout: 200 },
    );
    expect(await rejection(transaction)).toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    await open();
    await until('the server is at nothing', async () => (await server.running('select pg_sleep(600)')) === 0);
    expect(await server.products()).toEqual([]);
    expect(await value(1)).toBe(1);
  });

  it('is refused with the connection that was lost', async () => {
    const transaction = database.transaction(async () => {
      await value(0);
      proxy.cutAfter('pg_sleep');
      const work = [insert(database, 1), database.current.query('select pg_sleep(0.5)'), insert(database, 2)];
      expect(await codes(work)).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST', 'CONNECTION_LOST']);
    });
    expect(await rejection(transaction)).toMatchObject({ cause: { code: 'CONNECTION_LOST' } });
    expect(await server.products()).toEqual([]);
  });

  it('by its library while it waits for its turn is never sent', async () => {
    const knex = createKnex(database);
    // It asks for the version of the server first.
    await knex.raw('select 1');
    await close();
    await database.transaction(async () => {
      await value(0);
      const held = database.current.query(atGate);
      await waits();
      const late = Promise.resolve(knex('product').insert({ id: 1 }).timeout(50, { cancel: true }));
      expect(await rejection(late)).toMatchObject({ name: 'KnexTimeoutError' });
      await open();
      await held;
    });
    expect(await server.products()).toEqual([]);
    await knex.destroy();
  });

  it('by its library is taken back alone: 500 times, and no other is cancelled', { timeout: 120_000 }, async () => {
    const knex = createKnex(database);
    for (const id of numbers(500)) {
      await database
        .transaction(async () => {
          const before = knex('product').insert({ id });
          const withdrawn = knex.raw('select pg_sleep(0.002)').timeout(1 + (id % 5), { cancel: true });
          const behind = knex('product').insert({ id: id + 1_000 });
          const [first, given] = await Promise.allSettled([before, withdrawn, behind]);
          expect(first.status).toBe('fulfilled');
          if (given.status === 'rejected') throw given.reason;
        })
        .catch((error: unknown) => expect(error).toMatchObject({ name: 'KnexTimeoutError' }));
    }
    await knex.destroy();
  });
});

describe('libraries', () => {
  it.each(libraries)('%s: five inserts in six writes before, and in two now', async (name) => {
    const cost = async (pipelining: boolean): Promise<Counted> => {
      const opened = await connect(pipelining);
      const { run, close: closeAll } = await openRunners(opened);
      const five = (from: number) => () =>
        opened.transaction(() =>
          Promise.all(
            numbers(5).map((id) => run[name]('insert into product (id) values ($1) returning id', [from + id])),
          ),
        );
      await five(0)();
      const found = await counted(five(10));
      await closeAll();
      await opened.close();
      await server.sql('truncate product');
      return found;
    };
    expect([await cost(false), await cost(true)]).toEqual([
      { roundTrips: 6, writes: 6 },
      { roundTrips: 2, writes: 2 },
    ]);
  });

  it.each([
    ['Drizzle', 2],
    ['Knex', 2],
    ['TypeORM', 2],
    // They have a queue of their own.
    ['Kysely', 6],
    ['MikroORM', 6],
  ] as const)('%s: five statements on what its own transaction hands out in %i writes', async (name, expected) => {
    const { onOwn, close: closeAll } = await openRunners(database);
    const five = (): Promise<unknown> => onOwn[name](numbers(5).map((number) => `select ${number}`));
    await five();
    expect(await counted(five)).toEqual({ roundTrips: expected, writes: expected });
    await closeAll();
  });

  it.each([
    ['20 new entities with keys of the server: one INSERT', numbers(20).map(() => ({ weight: 1 })), [3, 2, 2]],
    ['20 new entities with keys: a SELECT and one INSERT', numbers(20).map((at) => ({ id: at + 500 })), [4, 3, 3]],
    ['20 changed entities: a SELECT, and one UPDATE after the other', null, [23, 22, 22]],
  ])('TypeORM saves %s', async (_, given, expected) => {
    const entities = [parcel];
    const opened = [await connect(false), await connect(true)];
    const sources = [
      new DataSource({ type: 'postgres', url: proxy.url, poolSize: 1, entities }),
      ...opened.map((each) => createDataSource(each, { entities })),
    ];
    const found: Counted[] = [];
    for (const source of sources) {
      await server.sql('truncate parcel');
      await server.sql('insert into parcel (id) select -n from generate_series(1, 20) n');
      await source.initialize();
      const rows: readonly DeepPartial<Parcel>[] =
        given ?? (await source.manager.find(parcel)).map(({ id }) => ({ id, weight: 2 }));
      found.push(await counted(() => source.manager.save(parcel, structuredClone([...rows]))));
      expect(await source.manager.count(parcel)).toBe(given === null ? 20 : 40);
      await source.destroy();
    }
    expect(found).toEqual(expected.map((each) => ({ roundTrips: each, writes: each })));
  });
});
