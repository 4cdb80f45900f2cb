// Actors under every order of their statements, on servers whose locks can be seen.
import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { EntitySchema } from 'typeorm';
import { beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type Database, sql } from '../../src/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { type AmbientDataSource, createDataSource } from '../../src/integrations/typeorm/index.ts';
import { interleave, type InterleaveOptions, type InterleaveReport, rolledBack } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase(
  'create table stock (product_id varchar(20) primary key, available int not null, reserved int not null)',
);
interface Stock {
  productId: string;
  available: number;
  reserved: number;
}
const Stock = new EntitySchema<Stock>({
  name: 'stock',
  columns: {
    productId: { name: 'product_id', type: 'varchar', primary: true },
    available: { type: 'int' },
    reserved: { type: 'int' },
  },
});

let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4 });
});

/** The inventory service of the document, with its lock or without it. */
function reserveStock(dataSource: AmbientDataSource, isLocking: boolean) {
  return async (quantity: number): Promise<void> => {
    await database.transaction(async () => {
      const { manager } = dataSource;
      const stock = await manager.findOneOrFail(Stock, {
        where: { productId: 'book' },
        ...(isLocking ? { lock: { mode: 'pessimistic_write' } } : {}),
      });
      if (stock.available < quantity) throw new Error('Insufficient stock');
      stock.available -= quantity;
      stock.reserved += quantity;
      await manager.save(Stock, stock);
    });
  };
}

async function seedStock(): Promise<void> {
  await database.query('delete from stock');
  await database.query("insert into stock values ('book', 1, 0)");
}

const read = async (): Promise<number> => {
  const { rows } = await database.query(sql<{ stock: number }>`select stock from product where id = 1`);
  return rows[0]?.stock ?? Number.NaN;
};
const write = (stock: number): Promise<unknown> =>
  database.query(sql`update product set stock = ${stock} where id = 1`);
const take = (): Promise<void> =>
  database.transaction(async () => {
    const stock = await read();
    if (stock > 0) await write(stock - 1);
  });
const seed = async (): Promise<void> => {
  await database.query('delete from product');
  await database.query('insert into product (id, stock) values (1, 5), (2, 5)');
};
const twoLess = async (): Promise<void> => expect(await read()).toBe(3);

/** The line of this file that holds a call. */
function placeOf(call: string): RegExp {
  const line = readFileSync(import.meta.filename, 'utf8')
    .split('\n')
    .findIndex((text) => text.includes(`await ${call}`) || text.includes(`await manager.${call}`));
  return new RegExp(`interleave\\.test\\.ts:${line + 1}:\\d+$`);
}

/** Nothing is left of it: no connection in use, and the database is of use. */
async function expectNothingLeft(): Promise<void> {
  expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
  expect(await server.running('update product%')).toBe(0);
  await seed();
  await take();
  expect(await read()).toBe(4);
}

describe.skipIf(engine.name === 'sqlite')('interleave', () => {
  const reserving = async (isLocking: boolean, changes: Partial<InterleaveOptions> = {}) => {
    const dataSource = await createDataSource(database, { entities: [Stock] }).initialize();
    const reserve = reserveStock(dataSource, isLocking);
    const sold: number[] = [];
    const actor = async (): Promise<void> => {
      await reserve(1);
      sold.push(1);
    };
    return await interleave(database, {
      setup: async () => {
        sold.length = 0;
        await seedStock();
      },
      actors: { alice: actor, bob: actor },
      invariant: () => expect(sold).toHaveLength(1),
      maxAnomalies: 2,
      maxRemedyRuntime: 0,
      ...changes,
    });
  };

  it('finds the oversell of reserveStock without its lock, and names both statements', async () => {
    const report = await reserving(false);
    // The save reads the row again. Where it sees another value then, it writes nothing.
    expect(new Set(report.anomalies.map(({ kind }) => kind))).toEqual(new Set(['oversell']));
    const lost = report.anomalies.find(
      ({ pair }) => pair?.inWords.includes('wrote it at') === true && !pair.inWords.includes('read it again'),
    );
    expect(lost).toMatchObject({ switches: 1 });
    expect(lost?.pair).toMatchObject({
      table: 'stock',
      readAt: expect.stringMatching(placeOf('findOneOrFail')) as string,
      usedAt: expect.stringMatching(placeOf('manager.save')) as string,
    });
    expect(() => report.assertSerializable()).toThrow(expect.objectContaining({ code: 'ANOMALY_FOUND' }));
    expect(() => report.assertSerializable()).toThrow(/This looks like an oversell\. Lock the row where it is read/);
  });

  it('finds it without an invariant too: one of them throws in every serial order', async () => {
    const report = await reserving(false, { invariant: undefined, maxAnomalies: 1 });
    expect(report.anomalies[0]).toMatchObject({
      switches: 1,
      found: expect.stringMatching(/^no serial order gives this: .*what (?:alice|bob) returned$/) as string,
    });
  });

  describe('an actor that sends another number of statements than before', () => {
    const tryWith = async (isShort: (run: number) => boolean) => {
      let run = 0;
      return await interleave(database, {
        setup: seed,
        actors: {
          alice: async () => {
            await read();
            await read();
          },
          bob: async () => {
            run += 1;
            const skips = isShort(run);
            await read();
            if (!skips) await read();
          },
        },
        invariant: () => {},
        reduce: false,
      });
    };

    it.each([1, 2, 3, 4, 5, 6])('once, in run %i, has its order tried again', async (short) => {
      expect(await tryWith((run) => run === short)).toMatchObject({ notes: [], isComplete: true });
    });

    it('for good is named', async () => {
      const reports: InterleaveReport[] = [];
      for (const from of [2, 3, 4, 5]) reports.push(await tryWith((run) => run >= from));
      const named = reports.filter(({ notes }) => notes.some((note) => note.includes('sent other statements')));
      expect(named.length).toBeGreaterThan(0);
      expect(named.every(({ isComplete }) => !isComplete)).toBe(true);
    });
  });

  it('takes a condition that finds no row through a library for a refusal, too', async () => {
    const { manager } = await createDataSource(database, { entities: [Stock] }).initialize();
    const takeOne = async (): Promise<unknown> => {
      const { available } = await manager.findOneOrFail(Stock, { where: { productId: 'book' } });
      const { affected } = await manager.update(Stock, { productId: 'book', available }, { available: available - 1 });
      return affected;
    };
    const report = await interleave(database, { setup: seedStock, actors: { alice: takeOne, bob: takeOne } });
    expect(report).toMatchObject({ isComplete: true, anomalies: [] });
  });

  it.each([{}, { invariant: undefined }])(
    'finds none in all orders of reserveStock with its lock: %o',
    async (changes) => {
      const report = await reserving(true, changes);
      expect(report).toMatchObject({ isComplete: true, anomalies: [] });
      expect(report.waits).toBeGreaterThan(0);
    },
  );

  const interleaved = (changes: Partial<InterleaveOptions> = {}) =>
    interleave(database, {
      setup: seed,
      actors: { alice: take, bob: take },
      invariant: twoLess,
      maxRemedyRuntime: 0,
      ...changes,
    });

  it('tells the shortest order, what it waited for, and how actors ended', async () => {
    const report = await interleaved({ maxAnomalies: 5 });
    expect(report.anomalies[0]).toMatchObject({ kind: 'lost update', switches: 1 });
    expect(report.toString()).toMatch(
      /alice read product at .*\d+, bob wrote it at .*\d+, and then alice wrote it at /,
    );
    expect(report.toString()).toContain('waits for');
    expect(report.isComplete).toBe(true);
  });

  it('finds nothing in statements that are right by themselves, in as many orders as there are', async () => {
    const decrement = () => database.query('update product set stock = stock - 1 where id = 1');
    const report = await interleaved({ actors: { alice: decrement, bob: decrement } });
    expect(report).toMatchObject({ orders: 2, isComplete: true, anomalies: [] });
    const three = await interleaved({
      actors: { alice: decrement, bob: decrement, carol: decrement },
      invariant: async () => expect(await read()).toBe(2),
    });
    expect(three).toMatchObject({ orders: 6, isComplete: true, anomalies: [] });
  });

  it('tries every order once', async () => {
    let order: string[] = [];
    const tried: string[] = [];
    const reads = (name: string) => async (): Promise<void> => {
      await database.transaction(async () => {
        await read();
        order.push(name);
      });
      order.push(name);
    };
    const report = await interleaved({
      setup: () => (order = []),
      actors: { alice: reads('a'), bob: reads('b') },
      invariant: () => tried.push(order.join('')),
    });
    // Two exchanges each, SELECT and COMMIT: 4 over 2. Those with fewer switches come first.
    expect(tried.slice(0, 2).toSorted()).toEqual(['aabb', 'bbaa']);
    expect(tried.toSorted()).toEqual(['aabb', 'abab', 'abba', 'baab', 'baba', 'bbaa']);
    expect(report).toMatchObject({ orders: 6, isComplete: true });
  });

  it('stands on no connection afterwards, for what actors have left too', async () => {
    let asActor = <Result>(body: () => Result): Result => body();
    const actor = async (): Promise<void> => {
      asActor = AsyncLocalStorage.snapshot();
      await take();
    };
    await interleaved({ actors: { alice: actor, bob: actor }, maxSchedules: 1 });
    expect(await asActor(() => database.transaction(() => read()))).toBe(3);
    await expectNothingLeft();
  });

  it('takes no write that was rolled back for what went wrong', async () => {
    const inVain = () =>
      database.transaction(async () => {
        await write(9);
        throw new Error('no');
      });
    const report = await interleaved({
      actors: { alice: take, bob: inVain },
      maxAnomalies: 9,
    });
    expect(report.anomalies.map(({ kind, pair }) => ({ kind, pair }))).toEqual([{ kind: 'other', pair: undefined }]);
  });

  it('counts deadlocks, and follows retries', async () => {
    const both = (first: number, second: number) => () =>
      database.transaction(
        async () => {
          await database.query(sql`update product set stock = stock - 1 where id = ${first}`);
          await database.query(sql`update product set stock = stock - 1 where id = ${second}`);
        },
        { retry: { attempts: 5, delay: 1 } },
      );
    const report = await interleaved({ actors: { alice: both(1, 2), bob: both(2, 1) }, maxSchedules: 5 });
    expect(report).toMatchObject({ anomalies: [], orders: 5, isComplete: false });
    expect(report.deadlocks).toBeGreaterThan(0);
  });

  it('finds nothing at SERIALIZABLE with retry', async () => {
    const safely = () =>
      database.transaction(take, { isolationLevel: 'SERIALIZABLE', retry: { attempts: 9, delay: 1 } });
    const report = await interleaved({ actors: { alice: safely, bob: safely } });
    expect(report).toMatchObject({ anomalies: [], isComplete: true });
    expect(report.serializationFailures + report.deadlocks).toBeGreaterThan(0);
  });

  describe('says what it cannot work with, and leaves nothing:', () => {
    const never = new Promise<never>(() => {});
    const cases: readonly (readonly [string, Partial<InterleaveOptions>, string, RegExp])[] = [
      [
        'an actor that never ends',
        {
          actors: {
            alice: take,
            bob: () =>
              database.transaction(async () => {
                await read();
                await never;
              }),
          },
          timeout: 1_500,
        },
        'INTERLEAVE_ACTOR',
        /"bob" waits for something that is no statement, after its statement at .*interleave\.test\.ts/,
      ],
      [
        'an actor whose library is not bound',
        { actors: { alice: take, bob: () => server.sql('select 1') } },
        'INTERLEAVE_ACTOR',
        /"bob" has ended without a statement/,
      ],
      [
        'an actor that leaves work behind',
        {
          actors: {
            alice: take,
            bob: async () => {
              await read();
              database.query('select 1').catch(() => {});
            },
          },
        },
        'INTERLEAVE_ACTOR',
        /"bob" has ended and left work behind: a statement/,
      ],
      [
        'an actor that changes the schema',
        { actors: { alice: take, bob: () => database.query('create table other (id int)') } },
        'INTERLEAVE_ACTOR',
        /"bob" changes the schema \(CREATE/,
      ],
      [
        'an actor that truncates',
        { actors: { alice: take, bob: () => database.query('truncate table product') } },
        'INTERLEAVE_ACTOR',
        /"bob" empties a table outside of the order of transactions \(TRUNCATE[^]*Write DELETE there/,
      ],
      [
        'an actor that goes on and on',
        {
          actors: {
            alice: take,
            bob: async () => {
              for (;;) await read();
            },
          },
        },
        'INTERLEAVE_ACTOR',
        /"bob" has sent 200 statements in one order and goes on/,
      ],
      [
        'a setup that cannot be run twice',
        { setup: () => database.query('insert into product (id, stock) values (7, 5)'), invariant: () => {} },
        'INTERLEAVE_SETUP',
        /^The setup failed before order 2, after it had gone well/,
      ],
      [
        'a setup that fails',
        {
          setup: () => {
            throw new Error('no');
          },
        },
        'INTERLEAVE_SETUP',
        /^The setup failed\./,
      ],
    ];
    it.each(cases)('%s', async (_, changes, code, message) => {
      const error = await rejection(interleaved(changes));
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string });
      await expectNothingLeft();
    });

    it('a pool that is too small, a transaction around it, and what runs already', async () => {
      const small = server.open({ max: 1 });
      const options = { setup: seed, actors: { alice: take, bob: take }, invariant: twoLess };
      expect(await rejection(interleave(small, options))).toMatchObject({ code: 'INTERLEAVE_SETUP' });
      for (const within of [rolledBack, (given: typeof database, body: () => unknown) => given.transaction(body)])
        expect(await rejection(within(database, () => interleaved()))).toMatchObject({ code: 'INVALID_OPTION' });
      const [first, second] = await Promise.allSettled([interleaved(), interleaved()]);
      expect(first.status).toBe('fulfilled');
      expect(second).toMatchObject({ status: 'rejected', reason: { code: 'INTERLEAVE_SETUP' } });
      await expectNothingLeft();
    });
  });

  it('waits for actors that sleep, and says so where it went on without one', async () => {
    const sleeping = async (): Promise<void> => {
      await read();
      await new Promise((resolve) => setTimeout(resolve, 2_200));
      await read();
    };
    const report = await interleaved({ actors: { alice: take, bob: sleeping }, maxSchedules: 2, invariant: () => {} });
    expect(report).toMatchObject({ isComplete: false, orders: 2 });
    expect(report.notes.join()).toContain('bob waited for more than its statements');
  });
});

describe('a database of production', () => {
  it('is refused, unless told otherwise', async () => {
    const live = createDatabase({
      clients: { default: postgres({ connectionString: 'postgres://u:secret@127.0.0.1:1/shop_production' }) },
    });
    const options = {
      setup: () => {
        throw new Error('reached');
      },
      actors: { alice: take, bob: take },
      invariant: () => {},
    };
    const refused = await rejection(interleave(live, options));
    expect(refused).toMatchObject({
      code: 'INTERLEAVE_SETUP',
      message: expect.stringMatching(/looks like a database of production/) as string,
    });
    expect(String(refused)).not.toContain('secret');
    expect(await rejection(interleave(live, { ...options, allowProduction: true }))).toMatchObject({
      message: expect.stringMatching(/^The setup failed/) as string,
    });
    await live.close();
  });
});
