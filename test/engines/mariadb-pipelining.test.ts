// Statements that a transaction issues without awaiting each other. Trips and packets are counted on the wire.
import mysql2, { type Connection } from 'mysql2/promise';
import { DataSource, type DeepPartial, EntitySchema } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { createDatabase, type Database, sql } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import type { ClientDefinition, DriverConnection, Step } from '../../src/ports/driver/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { libraries, mariadbSchema, openRunners } from '../support/pipelined-mariadb.ts';
import { rejection, until } from '../support/settled.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase(
  ...mariadbSchema,
  'create table gate (n int) engine = innodb',
  'insert into gate values (0)',
  'create procedure ends() commit',
  'create table parcel (id int auto_increment primary key, weight int not null default 1) engine = innodb',
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
let proxy: TcpProxy;
let database: Database<'default'>;
let gate: Connection;

beforeAll(async () => {
  proxy = await startTcpProxy(server.url);
});
afterAll(() => proxy.close());
beforeEach(async () => {
  database = await connect();
  gate = await mysql2.createConnection(server.url);
});
afterEach(() => gate.end());

/** What waits at the gate goes on when it is opened. */
async function close(): Promise<void> {
  await gate.query('begin');
  await gate.query('select * from gate for update');
}
const open = (): Promise<unknown> => gate.query('rollback');
const atGate = 'update gate set n = 1';
const waits = (text = atGate): Promise<void> => until('it waits', async () => (await server.running(text)) === 1);

async function connect(pipelining = true): Promise<Database<'default'>> {
  const opened = server.open({ connectionString: proxy.url, max: 1, pipelining });
  await opened.transaction(() => opened.current.query('select 1'));
  return opened;
}

interface Counted {
  readonly trips: number;
  readonly writes: number;
}

async function counted(work: () => Promise<unknown>): Promise<Counted> {
  proxy.takeTrips();
  proxy.takeWrites();
  await work();
  return { trips: proxy.takeTrips(), writes: proxy.takeWrites() };
}

const value = async (number: number): Promise<unknown> =>
  (await database.current.query<{ value: number }>('select ? as value', [number])).rows[0]?.value;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const codes = async (work: readonly Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.allSettled(work)).map((settled) =>
    settled.status === 'fulfilled' ? 'done' : (settled.reason as { code: unknown }).code,
  );

describe('statements that are issued together', () => {
  it.each([2, 5, 20, 63])('%i cost two trips and two packets, and each has its own rows', async (count) => {
    let values: unknown;
    const cost = await counted(() =>
      database.transaction(async () => {
        values = await Promise.all(numbers(count).map((number) => value(number)));
      }),
    );
    expect(values).toEqual(numbers(count).map((number) => number));
    expect(cost).toEqual({ trips: 2, writes: 2 });
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
    expect(cost.writes).toBeGreaterThanOrEqual(1 + Math.ceil(200 / 64));
    expect(cost.writes).toBeLessThanOrEqual(2 + Math.ceil((200 - 64) / 32));
  });

  it('go one after the other without pipelining, and where they are awaited', async () => {
    const five = (opened: Database<'default'>) => () =>
      opened.transaction(() => Promise.all(numbers(5).map((id) => insert(opened, id + 10))));
    expect(await counted(five(await connect(false)))).toEqual({ trips: 6, writes: 6 });
    const awaited = database.transaction(async () => {
      for (const id of numbers(5)) await insert(database, id);
    });
    expect(await counted(() => awaited)).toEqual({ trips: 6, writes: 6 });
  });

  it.each([
    ['a snapshot', { isolationLevel: 'SNAPSHOT' }],
    ['a level', { isolationLevel: 'SERIALIZABLE' }],
  ] as const)('cost no more in a transaction with %s', async (_, options) => {
    const cost = await counted(() =>
      database.transaction(() => Promise.all(numbers(5).map((id) => insert(database, id))), options),
    );
    expect(cost).toEqual({ trips: 2, writes: 2 });
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

  it('have the errors of their own, and those behind one that fails are carried out', async () => {
    await database.transaction(async () => {
      const work = [insert(database, 1), insert(database, 1), insert(database, 2), value(1)];
      expect(await codes(work)).toEqual(['done', 'ER_DUP_ENTRY', 'done', 'done']);
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  it('have the keys of their own', async () => {
    const add = (weight: number) => async (): Promise<unknown> =>
      (await database.current.query('insert into parcel (weight) values (?)', [weight])).insertId;
    const keys = await database.transaction(() => Promise.all(numbers(9).map((weight) => add(weight)())));
    const rows = await server.sql<Parcel>('select id from parcel where weight < 9 order by weight');
    expect(keys).toEqual(rows.map(({ id }) => id));
    await server.sql('delete from parcel');
  });

  it('are not stopped by a value that cannot be sent', async () => {
    await database.transaction(async () => {
      const bad = database.current.query('select ? as value', [() => 1]);
      expect(await codes([value(1), bad, value(2)])).toEqual(['done', 'INVALID_OPTION', 'done']);
    });
  });

  it('stay in front of and behind a batch', async () => {
    await database.transaction(async () => {
      const add = (id: number): ReturnType<typeof sql> => sql`insert into product (id) values (${id})`;
      const work = [insert(database, 1), database.current.batch([add(2), add(3)]), insert(database, 4)];
      expect(await codes(work)).toEqual(['done', 'done', 'done']);
    });
    expect(await server.products()).toEqual([1, 2, 3, 4]);
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

describe('what the server has to prepare', () => {
  it('fails for each by itself', async () => {
    await database.transaction(async () => {
      const bad = (): Promise<unknown> => database.current.query('select missing, ? as value', [1]);
      const work = [value(1), bad(), bad(), insert(database, 1), bad()];
      const refused = 'ER_BAD_FIELD_ERROR';
      expect(await codes(work)).toEqual(['done', refused, refused, 'done', refused]);
    });
    expect(await server.products()).toEqual([1]);
  });

  it('is tried again once all that was sent behind it was answered', async () => {
    await database.transaction(async () => {
      const bad = (): Promise<unknown> => database.current.query('select missing, ? as value', [1]);
      const slow = (): Promise<unknown> => database.current.query('select sleep(0.1), ? as value', [1]);
      const refused = 'ER_BAD_FIELD_ERROR';
      expect(await codes([bad(), bad(), slow(), insert(database, 1)])).toEqual([refused, refused, 'done', 'done']);
    });
    expect(await server.products()).toEqual([1]);
  });

  it('is prepared once', async () => {
    const status = async (): Promise<number> => {
      const { rows } = await database.current.query<{ Value: string }>("show session status like 'com_stmt_prepare'");
      return Number(rows[0]?.Value);
    };
    await database.transaction(async () => {
      const before = await status();
      const text = 'select ? as only_once';
      await Promise.all(numbers(9).map((number) => database.current.query(text, [number])));
      expect(await status()).toBe(before + 1);
    });
  });
});

describe('a BEGIN that fails', () => {
  it('takes no statement out of its transaction', async () => {
    const outcome = async (opened: Database<'default'>): Promise<unknown> => {
      let seen: unknown;
      proxy.replaceSent('SET TRANSACTION', 'SET TRANSITION_');
      const error = await rejection(
        opened.transaction(
          async () => {
            seen = await codes([insert(opened, 1), insert(opened, 2), insert(opened, 3)]);
            throw new Error('not to be kept');
          },
          { isolationLevel: 'SERIALIZABLE' },
        ),
      );
      return { seen, message: error.message, products: await server.products() };
    };
    const expected = await outcome(await connect(false));
    expect(expected).toMatchObject({ seen: [expect.not.stringMatching('done'), 'done', 'done'], products: [] });
    expect(await outcome(database)).toEqual(expected);
  });
});

describe('what a rollback does not undo', () => {
  it.each([
    'set @kept = 1',
    'create temporary table if not exists kept (id int)',
    'do get_lock("kept", 0)',
    'select get_lock("kept", 0)',
    'select @kept := 1',
  ])('is not sent before what stands in front of it was answered: %s', async (text) => {
    await close();
    const transaction = database.transaction(async () => {
      await value(0);
      const held = database.current.query(atGate);
      await waits();
      proxy.takeWrites();
      const behind = database.current.query(text);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(proxy.takeWrites()).toBe(0);
      await open();
      await Promise.allSettled([held, behind]);
    });
    await transaction;
  });

  it('is never followed where it ends the transaction', async () => {
    const transaction = database.transaction(async () => {
      await value(0);
      await codes([database.current.query('call ends()'), insert(database, 1)]);
    });
    expect(await rejection(transaction)).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
    expect(await server.products()).toEqual([]);
  });
});

describe('behind a failure that rolls the whole transaction back', () => {
  it('nothing takes effect: a deadlock', async () => {
    await server.sql('insert into product (id) values (1), (2)');
    const outcome = async (opened: Database<'default'>): Promise<unknown> => {
      let seen: unknown;
      const error = await rejection(
        opened.transaction(async () => {
          await opened.current.query('update product set stock = 1 where id = 1');
          // It has changed more, so that the server takes this one for its victim.
          await gate.query('begin');
          await gate.query('update product set stock = 2 where id = 2');
          await gate.query('insert into parcel (weight) select 1 from seq_1_to_50');
          const rest = ['update product set stock = 3 where id = 2', 'insert into product (id) values (3)', 'select 4'];
          const all = codes(rest.map((text) => opened.current.query(text)));
          await waits(rest[0]);
          await gate.query('update product set stock = 2 where id = 1');
          await gate.query('rollback');
          seen = await all;
        }),
      );
      return { seen, error: error['code'], products: await server.products() };
    };
    const expected = await outcome(await connect(false));
    expect(expected).toMatchObject({ seen: ['ER_LOCK_DEADLOCK', expect.anything(), expect.anything()] });
    expect(await outcome(database)).toEqual(expected);
    expect(await server.products()).toEqual([1, 2]);
    expect(await server.sql('select id from product where stock <> 0')).toEqual([]);
    expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 1 });
  });

  it('what waits for a lock is cancelled', async () => {
    await close();
    const begun = Date.now();
    const transaction = database.transaction(async () => {
      await value(0);
      const all = [
        database.current.query('select standstill() as value'),
        ...numbers(5).map(() => database.current.query(atGate)),
      ];
      await Promise.all(all);
    });
    expect(await rejection(transaction)).toMatchObject({ errno: 1213 });
    // The server waits for a lock for longer.
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(await server.running(atGate)).toBe(0);
    expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 1 });
    await open();
  });
});

describe('what is given up', () => {
  it('ends with all that was sent behind it', async () => {
    await close();
    const controller = new AbortController();
    const transaction = database.transaction(
      async () => {
        await value(0);
        await Promise.all(numbers(20).map(() => database.current.query(atGate)));
      },
      { signal: controller.signal },
    );
    await waits();
    controller.abort(new Error('given up'));
    expect(await rejection(transaction)).toMatchObject({ message: 'given up' });
    await until('nothing waits', async () => (await server.running(atGate)) === 0);
    expect(await value(1)).toBe(1);
    await open();
  });

  it('is cancelled with all that was sent behind it, and the connection stays', async () => {
    await close();
    const connection = await mysql({ uri: proxy.url }).driver.connect(AbortSignal.timeout(10_000));
    const statements = numbers(20).map(() => ({ text: atGate }));
    const [first, ...behind] = statements.map((statement) => ({ type: 'statement', statement }) as const);
    const begin = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } } as const;
    const running = connection.run(first === undefined ? [begin] : [begin, first]);
    for (const { statement } of behind) expect(connection.sendAhead?.([statement])).toBe(true);
    await waits();
    await connection.cancel();
    expect((await running).failure?.kind).toBe('cancelled');
    for (const step of behind) expect((await connection.run([step])).failure?.kind).toBe('cancelled');
    expect(await connection.run([{ type: 'rollback' }])).toMatchObject({ ended: 'rolledBack', failure: undefined });
    await connection.close();
    await open();
  });

  it('is refused with the connection that was lost', async () => {
    const transaction = database.transaction(async () => {
      await value(0);
      proxy.cutAfter('sleep');
      const work = [insert(database, 1), database.current.query('select sleep(0.2)'), insert(database, 2)];
      expect(await codes(work)).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST', 'CONNECTION_LOST']);
    });
    expect(await rejection(transaction)).toMatchObject({ cause: { code: 'CONNECTION_LOST' } });
    expect(await server.products()).toEqual([]);
  });

  it.each([
    ['alone', true],
    ['without pipelining', false],
  ])('by its library is taken back %s: 150 times, and no other is cancelled', async (_, pipelining) => {
    const opened = await connect(pipelining);
    const knex = createKnex(opened);
    for (const id of numbers(150)) {
      await opened
        .transaction(async () => {
          const before = knex('product').insert({ id });
          const withdrawn = knex.raw('select sleep(0.002)').timeout(1 + (id % 5), { cancel: true });
          const behind = knex('product').insert({ id: id + 1_000 });
          const [first, given, last] = await Promise.allSettled([before, withdrawn, behind]);
          expect([first.status, last.status]).toEqual(['fulfilled', 'fulfilled']);
          if (given.status === 'rejected') throw given.reason;
        })
        .catch((error: unknown) => expect(error).toMatchObject({ name: 'KnexTimeoutError' }));
    }
    await knex.destroy();
  });

  it('by its library holds back what comes next until no request to cancel can hit it', async () => {
    await close();
    const seen: string[] = [];
    const request = Promise.withResolvers<undefined>();
    const definition = mysql({ uri: server.url, max: 1 });
    const opened = createDatabase({ clients: { default: slowToCancel(definition, seen, request.promise) } });
    const knex = createKnex(opened);
    await opened.transaction(async () => {
      const withdrawn = rejection(knex.raw(atGate).timeout(20, { cancel: true }));
      await until('the request is on its way', () => seen.includes('cancel'));
      const next = opened.current.query('select 1 as one');
      // The statement ends by itself before the request has come.
      await open();
      await until('it has ended', () => seen.includes('ended'));
      await server.sql('select 1');
      expect(seen).toEqual(['sent', 'cancel', 'ended']);
      request.resolve(undefined);
      expect((await next).rows).toEqual([{ one: 1 }]);
      expect(await withdrawn).toMatchObject({ name: 'KnexTimeoutError' });
    });
    await knex.destroy();
    await opened.close();
    expect(seen.slice(0, 5)).toEqual(['sent', 'cancel', 'ended', 'cancelled', 'sent']);
  });
});

/** A client whose requests to cancel wait, and what its connections do. */
function slowToCancel(definition: ClientDefinition, seen: string[], request: Promise<unknown>): ClientDefinition {
  const connect = async (signal: AbortSignal): Promise<DriverConnection> => {
    const connection = await definition.driver.connect(signal);
    const run = connection.run.bind(connection);
    const cancel = connection.cancel.bind(connection);
    return Object.assign(connection, {
      async run(steps: readonly Step[]) {
        seen.push('sent');
        const exchange = await run(steps);
        seen.push('ended');
        return exchange;
      },
      async cancel() {
        seen.push('cancel');
        await request;
        await cancel();
        seen.push('cancelled');
      },
    });
  };
  return { ...definition, driver: { ...definition.driver, connect } };
}

describe('libraries', () => {
  it.each(libraries)('%s: five inserts in six packets before, and in two now', async (name) => {
    const cost = async (pipelining: boolean): Promise<Counted> => {
      const opened = await connect(pipelining);
      const { run, close: closeAll } = await openRunners(opened);
      const five = (from: number) => () =>
        opened.transaction(() =>
          Promise.all(
            numbers(5).map((id) => run[name]('insert into product (id) values (?) returning id', [from + id])),
          ),
        );
      await five(0)();
      const found = await counted(five(10));
      await closeAll();
      await opened.close();
      await server.sql('delete from product');
      return found;
    };
    expect([await cost(false), await cost(true)]).toEqual([
      { trips: 6, writes: 6 },
      { trips: 2, writes: 2 },
    ]);
  });

  it.each([
    ['Drizzle', 2],
    ['Knex', 2],
    ['TypeORM', 2],
    // It has a queue of its own.
    ['Kysely', 6],
  ] as const)('%s: five statements on what its own transaction hands out in %i packets', async (name, expected) => {
    const { onOwn, close: closeAll } = await openRunners(database);
    const five = (): Promise<unknown> => onOwn[name](numbers(5).map((number) => `select ${number}`));
    await five();
    expect(await counted(five)).toEqual({ trips: expected, writes: expected });
    await closeAll();
  });

  it.each([
    [
      '20 new entities with keys of the server: one INSERT after the other',
      numbers(20).map(() => ({ weight: 1 })),
      [22, 21, 21],
    ],
    [
      '20 new entities with keys: a SELECT, and one INSERT after the other',
      numbers(20).map((at) => ({ id: at + 500 })),
      [23, 22, 22],
    ],
    ['20 changed entities: a SELECT, and all UPDATEs at once', null, [23, 22, 3]],
  ])('TypeORM saves %s', async (_, given, expected) => {
    const entities = [parcel];
    const opened = [await connect(false), await connect(true)];
    const sources = [
      new DataSource({ type: 'mysql', url: proxy.url, poolSize: 1, entities }),
      ...opened.map((each) => createDataSource(each, { entities })),
    ];
    const found: Counted[] = [];
    for (const source of sources) {
      await server.sql('delete from parcel');
      await server.sql('insert into parcel (id) select seq from seq_100_to_119');
      await source.initialize();
      const rows: readonly DeepPartial<Parcel>[] =
        given ?? (await source.manager.find(parcel)).map(({ id }) => ({ id, weight: 2 }));
      found.push(await counted(() => source.manager.save(parcel, structuredClone([...rows]))));
      expect(await source.manager.count(parcel)).toBe(given === null ? 20 : 40);
      await source.destroy();
    }
    expect(found).toEqual(expected.map((each) => ({ trips: each, writes: each })));
  });
});
