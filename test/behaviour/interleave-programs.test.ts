// Programs as they are written, under every order of their statements: TypeORM, propagations, and what has to be named.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { EntitySchema } from 'typeorm';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { ambientPool as mysqlPool } from '../../src/drivers/mysql/index.ts';
import { ambientPool as postgresPool } from '../../src/drivers/postgres/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { interleave, type InterleaveOptions, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const isPostgres = engine.name === 'postgres';
const server = useTestDatabase();
const Product = new EntitySchema<{ id: number; stock: number }>({
  name: 'product',
  columns: { id: { type: 'int', primary: true }, stock: { type: 'int' } },
});

let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 6 });
});

const run = (text: string) => database.query<{ stock: number }>(text);
const seed = async (): Promise<void> => {
  await run('delete from product');
  await run('insert into product (id, stock) values (1, 5), (2, 5)');
};
const stock = async (id: number, lock = ''): Promise<number> =>
  (await run(`select stock from product where id = ${id} ${lock}`)).rows[0]?.stock ?? Number.NaN;
const takeOne = async (lock = ''): Promise<void> => {
  await run(`update product set stock = ${(await stock(1, lock)) - 1} where id = 1`);
};
const take = (lock?: string): Promise<void> => database.transaction(() => takeOne(lock));
const takeLocked = (): Promise<void> => take('for update');

/** Both do the same. */
const tried = (
  body: () => unknown,
  { bob = body, ...changes }: Partial<InterleaveOptions> & { readonly bob?: () => unknown } = {},
): Promise<InterleaveReport> =>
  interleave(database, { setup: seed, actors: { alice: body, bob }, maxRemedyRuntime: 0, ...changes });

/** Says of all of them, with their number, that none went wrong. */
function expectNone(report: InterleaveReport): void {
  expect(report.toString()).toMatch(/^No anomaly in (\d+) of \1 orders of alice, bob$/m);
  expect(report.orders, report.toString()).toBeGreaterThan(2);
}

async function expectNothingLeft(): Promise<void> {
  // What is given back by hand is reset first.
  await until('no connection is in use', () => database.stats().clients.default.used === 0);
  await seed();
  await take();
  expect(await stock(1)).toBe(4);
}

describe.skipIf(engine.name === 'sqlite')('interleave', () => {
  it('finds an oversell through TypeORM within 10 s, and with the lock none in all orders', async () => {
    const { manager } = await createDataSource(database, { entities: [Product] }).initialize();
    const reserveStock = (isLocking: boolean) => () =>
      database.transaction(async () => {
        const lock = isLocking ? ({ lock: { mode: 'pessimistic_write' } } as const) : {};
        const product = await manager.findOneOrFail(Product, { where: { id: 1 }, ...lock });
        product.stock -= 1;
        await manager.save(Product, product);
      });
    const report = await tried(reserveStock(false), { maxRuntime: 10_000 });
    // The save reads the row again: what it sees then says what it is called.
    expect(report.anomalies[0]).toMatchObject({
      switches: 1,
      found: expect.stringContaining('product.stock') as string,
    });
    expectNone(await tried(reserveStock(true)));
  });

  it.each(['REQUIRES_NEW', 'NESTED'] as const)('puts the statements of %s in an order, too', async (propagation) => {
    const within = (lock?: string) => () =>
      database.transaction(async () => {
        await stock(2);
        await database.transaction(() => takeOne(lock), { propagation });
      });
    expectNone(await tried(within('for update'), { bob: takeLocked }));
    const report = await tried(within(), { bob: () => take() });
    expect(report.anomalies[0]).toMatchObject({ kind: 'lost update', pair: { table: 'product' } });
    // A second transaction has a BEGIN of its own.
    const begun = report.anomalies[0]?.steps.filter(({ text }) => text.startsWith('BEGIN'));
    expect(begun).toHaveLength(propagation === 'REQUIRES_NEW' ? 3 : 2);
  });

  it('takes what a savepoint has rolled back for undone', async () => {
    const inVain = async (): Promise<void> => {
      await run('update product set stock = 0 where id = 2');
      throw new RangeError('in vain');
    };
    const around = (lock?: string) => () =>
      database.transaction(async () => {
        const before = await stock(1, lock);
        const failing = database.transaction(inVain, { propagation: 'NESTED' });
        expect(await rejection(failing)).toBeInstanceOf(RangeError);
        await run(`update product set stock = ${before - 1} where id = 1`);
      });
    expectNone(await tried(around('for update'), { bob: takeLocked }));
    const report = await tried(around(), { bob: () => take() });
    expect(report.anomalies[0]).toMatchObject({
      kind: 'lost update',
      found: expect.stringMatching(/: product\.stock$/) as string,
    });
    expect(report.toString()).toContain('ROLLBACK TO SAVEPOINT');
  });

  it('waits for actors that sleep a little or call a server, and tries all orders', async () => {
    const http = createServer((_, response) => setTimeout(() => response.end('7'), 5));
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    try {
      const calling = () =>
        database.transaction(async () => {
          const before = await stock(1, 'for update');
          await new Promise((resolve) => setTimeout(resolve, 20));
          const price = Number(await (await fetch(url)).text());
          await run(`update product set stock = ${before - price} where id = 1`);
        });
      expectNone(await tried(calling));
    } finally {
      http.close();
    }
  });

  it('names an actor whose server never answers', async () => {
    const http = createServer(() => {});
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    try {
      const calling = () => database.transaction(async () => [await stock(1), await fetch(url)]);
      expect(await rejection(tried(() => take(), { bob: calling, timeout: 1_000 }))).toMatchObject({
        code: 'INTERLEAVE_ACTOR',
        message: expect.stringMatching(/"bob" waits for something that is no statement/) as string,
      });
    } finally {
      http.closeAllConnections();
      http.close();
    }
    await expectNothingLeft();
  });

  describe('names a connection that actors share by hand,', () => {
    /** A connection that a program has checked out. */
    const checkOut = async () => {
      if (isPostgres) {
        const client = await postgresPool(database).connect();
        return { query: (text: string) => client.query(text), release: () => client.release() };
      }
      const connection = await mysqlPool(database).promise().getConnection();
      return { query: (text: string) => connection.query(text), release: () => connection.release() };
    };
    type CheckedOut = Awaited<ReturnType<typeof checkOut>>;
    const takeOn = async ({ query }: CheckedOut): Promise<void> => {
      await query('update product set stock = stock - 1 where id = 1');
      await query('update product set stock = stock - 1 where id = 2');
    };

    it('that was taken before', async () => {
      const held = await checkOut();
      try {
        expect(await rejection(tried(() => takeOn(held)))).toMatchObject({
          code: 'INTERLEAVE_ACTOR',
          message: expect.stringMatching(
            /"alice" has ended without a statement .* was taken before, at .*interleave-programs\.test\.ts:\d+:\d+, is in use/,
          ) as string,
        });
      } finally {
        held.release();
      }
      await expectNothingLeft();
    });

    it('that one of them, or the setup, has taken', async () => {
      let held: Promise<CheckedOut> | undefined;
      const body = async (): Promise<void> => await takeOn(await (held ??= checkOut()));
      try {
        expect(await rejection(tried(body, { invariant: () => {} }))).toMatchObject({
          code: 'INTERLEAVE_ACTOR',
          message: expect.stringMatching(
            /^The actor "\w+" shares a connection with "\w+", at its statement at .*interleave-programs\.test\.ts/,
          ) as string,
        });
      } finally {
        (await held)?.release();
      }
      await expectNothingLeft();
    });
  });

  describe('names an actor with a pool of its own,', () => {
    const ownPool = () => {
      if (isPostgres) {
        const pool = new pg.Pool({ connectionString: server.url });
        return { query: (text: string): Promise<unknown> => pool.query(text), end: () => pool.end() };
      }
      const pool = mysql.createPool({ uri: server.url });
      return { query: (text: string): Promise<unknown> => pool.query(text), end: () => pool.end() };
    };
    const emptied = 'update product set stock = 0 where id = 1';

    it('which uses nothing besides, or waits on it for a lock', async () => {
      const pool = ownPool();
      try {
        expect(await rejection(tried(() => take(), { bob: () => pool.query(emptied) }))).toMatchObject({
          code: 'INTERLEAVE_ACTOR',
          message: expect.stringMatching(
            /^The actor "bob" has ended without a statement .* Bind its library/,
          ) as string,
        });
        const mixed = () => database.transaction(async () => [await takeOne(), await pool.query(emptied)]);
        expect(await rejection(tried(() => take(), { bob: mixed, timeout: 1_000 }))).toMatchObject({
          code: 'INTERLEAVE_ACTOR',
          message: expect.stringMatching(/"bob" waits for something that is no statement.*bound libraries/) as string,
        });
      } finally {
        await pool.end();
      }
      await expectNothingLeft();
    });
  });
});
