// What `interleave` compares where no invariant is given, and what it leaves out.
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveOptions } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const isPostgres = engine.name === 'postgres';
const key = isPostgres ? 'serial primary key' : 'int auto_increment primary key';
// Times of MySQL have no fraction of a second unless they are told to.
const time = isPostgres ? 'timestamptz(0) not null default now()' : 'datetime not null default now()';
const server = useTestDatabase(
  `create table shop_order (id ${key}, product_id int not null, made_at ${time})`,
  `create table order_line (id ${key}, order_id int not null, quantity int not null, foreign key (order_id) references shop_order (id))`,
  'create table shipment (code varchar(40) primary key, order_id int not null, weight int not null)',
  'create table ledger (entry int not null)',
);

let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

const run = (text: string, values: readonly unknown[] = []) =>
  database.query(isPostgres ? text : text.replaceAll(/\$\d/g, '?'), values);
const tables = ['order_line', 'shipment', 'shop_order', 'ledger', 'product'];
const seed = async (): Promise<void> => {
  for (const table of tables) await run(`delete from ${table}`);
  await run('insert into product (id, stock) values (1, 5), (2, 5)');
};
/** The same, and the next orders have the numbers from 1 on again. */
const seedAnew = async (): Promise<void> => {
  await seed();
  if (isPostgres) await run('alter sequence shop_order_id_seq restart with 1');
  else await run('alter table shop_order auto_increment = 1');
};

async function addOrder(productId: number): Promise<number> {
  const returning = isPostgres ? ' returning id' : '';
  const made = await run(`insert into shop_order (product_id) values ($1)${returning}`, [productId]);
  return Number(isPostgres ? made.rows[0]?.['id'] : made.insertId);
}

async function takeOne(): Promise<number> {
  await run('update product set stock = stock - 1 where id = 1');
  return Number((await run('select stock from product where id = 1')).rows[0]?.['stock']);
}

/** What repeats the number of an order: a foreign key, a column without one, and what is returned. */
async function ship(order: number, stock: number): Promise<unknown> {
  await run('insert into order_line (order_id, quantity) values ($1, $2)', [order, stock]);
  await run('insert into shipment (code, order_id, weight) values ($1, $2, $3)', [randomUUID(), order, stock]);
  return { order, stock, at: new Date(), words: `order ${order}` };
}

describe.skipIf(engine.name === 'sqlite')('without an invariant', () => {
  const compared = (actors: InterleaveOptions['actors'], changes: Partial<InterleaveOptions> = {}) =>
    interleave(database, { setup: seed, actors, maxRemedyRuntime: 0, ...changes });

  it.each([
    ['generated', seed],
    ['generated anew after each setup', seedAnew],
  ])('keys that are %s, times and random values are not compared', async (_, setup) => {
    const alice = async () => {
      const stock = await takeOne();
      return await ship(await addOrder(1), stock);
    };
    // Its number may be the first, and its product the second one.
    const bob = async () => {
      const order = await addOrder(2);
      return await ship(order, await takeOne());
    };
    const report = await compared(
      { alice: () => database.transaction(alice), bob: () => database.transaction(bob) },
      { setup, maxSchedules: 25 },
    );
    expect(report.toString()).toContain('No anomaly');
  });

  describe('in a row of setup', () => {
    const readAndTake = () =>
      database.transaction(async () => {
        const { rows } = await run('select product_id as left_over from shop_order');
        await run('update shop_order set product_id = $1', [Number(rows[0]?.['left_over']) - 1]);
      });

    it('they are left out, and the rest of it is compared: a lost update is found', async () => {
      const setup = async (): Promise<void> => {
        await seed();
        await run('insert into shop_order (product_id) values (5)');
      };
      const report = await compared({ alice: readAndTake, bob: readAndTake }, { setup });
      expect(report.anomalies).toMatchObject([
        { kind: 'lost update', found: expect.stringContaining('product_id') as string },
      ]);
      expect(report.notCompared).toEqual(
        ['id', 'made_at'].map((name) => expect.stringMatching(new RegExp(`shop_order.?[.]${name}$`)) as string),
      );
      expect(report.toString()).toMatch(/Not compared, since .*shop_order.?\.made_at/);
    });

    it('a setup that leaves other rows each time in all tables is refused: nothing could be compared', async () => {
      await run('delete from shop_order');
      const setup = () => run('insert into shop_order (product_id) values (5)');
      expect(await rejection(compared({ alice: readAndTake, bob: readAndTake }, { setup }))).toMatchObject({
        code: 'INTERLEAVE_SETUP',
        message: expect.stringMatching(/Nothing can be compared.*shop_order/) as string,
      });
    });

    it('what it does not bring back is named', async () => {
      await seed();
      await run('insert into shop_order (product_id) values (5)');
      const report = await compared({ alice: readAndTake, bob: readAndTake }, { setup: () => {} });
      expect(report.notCompared).toEqual([expect.stringMatching(/shop_order.?\.product_id$/)]);
    });
  });

  it('but what refers to such a key is: a line of the order of someone else is found', async () => {
    const careless = (productId: number) => async (): Promise<void> => {
      await run('insert into shop_order (product_id) values ($1)', [productId]);
      const { rows } = await run('select max(id) as id from shop_order');
      await run('insert into order_line (order_id, quantity) values ($1, $2)', [rows[0]?.['id'], productId]);
    };
    const report = await compared({ alice: careless(1), bob: careless(2) });
    expect(report.anomalies[0]?.found).toMatch(/^no serial order gives this: (?:order_line|shop_order)/);
  });

  it('what an actor returns is compared, but for the order of lists', async () => {
    const stocks = async () => {
      const { rows } = await run('select id, stock from product');
      return Math.random() < 0.5 ? rows : rows.toReversed();
    };
    const none = await compared({ alice: stocks, bob: () => run('update product set stock = 9 where id = 2') });
    expect(none).toMatchObject({ anomalies: [], isComplete: true });
    const twice = async () => [await stocks(), await stocks()];
    const report = await compared({ alice: twice, bob: () => run('update product set stock = 9 where id = 2') });
    expect(report.anomalies[0]).toMatchObject({ found: 'no serial order gives this: what alice returned' });
  });

  it('what an actor throws is compared', async () => {
    const careful = async (): Promise<void> => {
      const before = await run('select stock from product where id = 1');
      const after = await run('select stock from product where id = 1');
      if (before.rows[0]?.['stock'] !== after.rows[0]?.['stock']) throw new Error('changed');
    };
    const report = await compared({ alice: careful, bob: () => run('update product set stock = 9 where id = 1') });
    expect(report.anomalies[0]).toMatchObject({ found: 'no serial order gives this: what alice threw' });
  });

  it('the report names columns and no values', async () => {
    const secret = 424_242;
    const take = async (): Promise<void> => {
      const { rows } = await run('select stock from product where id = 2');
      await run('update product set stock = $1 where id = 2', [Number(rows[0]?.['stock']) + secret]);
    };
    const report = await compared({ alice: take, bob: take });
    expect(report.anomalies[0]).toMatchObject({
      kind: 'lost update',
      found: 'no serial order gives this: product.stock',
    });
    const error = await rejection(Promise.resolve().then(() => report.assertSerializable()));
    expect(String(error)).not.toContain(String(secret));
  });

  it('rows that a view leads to are compared', async () => {
    await server.sql(`create ${isPostgres ? '' : 'or replace '}view books as select * from product where id = 1`);
    const take = async (): Promise<void> => {
      const { rows } = await run('select stock from books');
      await run('update books set stock = $1', [Number(rows[0]?.['stock']) - 1]);
    };
    const report = await compared({ alice: take, bob: take });
    expect(report.anomalies[0]?.found).toBe('no serial order gives this: product.stock');
    await server.sql('drop view books');
  });

  describe('an actor that was refused', () => {
    const tooLate = (table: string) => () =>
      database.transaction(
        async () => {
          const { rows } = await run('select stock from product where id = 1');
          await run(`insert into ${table} (entry) values (1)`);
          await run('update product set stock = $1 where id = 1', [Number(rows[0]?.['stock']) - 1]);
        },
        { isolationLevel: 'SERIALIZABLE' },
      );

    it('counts as one that has not run', async () => {
      const report = await compared({ alice: tooLate('ledger'), bob: tooLate('ledger') }, { maxSchedules: 12 });
      expect(report.serializationFailures + report.deadlocks).toBeGreaterThan(0);
      expect(report).toMatchObject({ anomalies: [] });
    });

    it('is not judged if it had committed something before, and the report says so', async () => {
      const partly = async (): Promise<void> => {
        await run('insert into ledger (entry) values (7)');
        await tooLate('ledger')();
      };
      const report = await compared({ alice: partly, bob: tooLate('ledger') }, { maxSchedules: 12 });
      expect(report).toMatchObject({ anomalies: [], isComplete: false });
      expect(report.notes.join()).toContain(
        'alice was refused something and has committed something else all the same',
      );
    });
  });

  describe('tables', () => {
    const take = async (): Promise<void> => {
      const { rows } = await run('select stock from product where id = 1');
      await run('update product set stock = $1 where id = 1', [Number(rows[0]?.['stock']) - 1]);
    };

    it('that are not named are not compared', async () => {
      const report = await compared({ alice: take, bob: take }, { tables: ['ledger'] });
      expect(report).toMatchObject({ anomalies: [], isComplete: true });
      const both = await compared({ alice: take, bob: take }, { tables: ['ledger', 'Product'] });
      expect(both.anomalous).toBe(1);
    });

    it('that are not there are refused', async () => {
      const error = await rejection(compared({ alice: take, bob: take }, { tables: ['produkt'] }));
      expect(error).toMatchObject({
        code: 'INTERLEAVE_SETUP',
        message: expect.stringMatching(/There is no table "produkt"/) as string,
      });
    });

    it('that are too large are refused, and nothing is left of it', async () => {
      const error = await rejection(compared({ alice: take, bob: take }, { maxRows: 1 }));
      expect(error).toMatchObject({
        code: 'INTERLEAVE_SETUP',
        message: expect.stringMatching(/product.* has more than 1 rows, too many to compare/) as string,
      });
      expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
      expect((await compared({ alice: take, bob: take }, { maxRows: 2 })).anomalous).toBe(1);
    });
  });
});
