// The scenario of services that share one DataSource, and what TypeORM does by itself around a transaction.
import { DataSource, EntitySchema, type QueryRunner } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  adoptDataSource,
  closeDatabase,
  createDataSource,
  getManager,
  initDatabase,
  registerEntities,
  withTransaction,
  withTransactionIsolation,
  type AmbientDataSource,
} from '../../src/integrations/typeorm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal } from '../support/settled.ts';

interface Stock {
  productId: string;
  available: number;
  reserved: number;
}
interface Line {
  id?: number;
  productId: string;
  quantity: number;
  order?: Order;
}
interface Order {
  id?: number;
  status: string;
  lines: Line[];
}
const Stock = new EntitySchema<Stock>({
  name: 'stock',
  columns: {
    productId: { type: 'text', primary: true },
    available: { type: 'int' },
    reserved: { type: 'int' },
  },
});
const Order = new EntitySchema<Order>({
  name: 'order',
  columns: { id: { type: 'int', primary: true, generated: true }, status: { type: 'text' } },
  relations: { lines: { type: 'one-to-many', target: 'line', inverseSide: 'order', cascade: true } },
});
const Line = new EntitySchema<Line>({
  name: 'line',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    productId: { type: 'text' },
    quantity: { type: 'int' },
  },
  relations: { order: { type: 'many-to-one', target: 'order', inverseSide: 'lines' } },
});

const server = useTestDatabase();
let dataSource: AmbientDataSource;

beforeAll(async () => {
  expect(() => getManager()).toThrow(expect.objectContaining({ code: 'NO_DATABASE' }));
  dataSource = createDataSource({
    type: 'postgres',
    url: server.url,
    entities: [],
    synchronize: true,
    pool: { min: 2, max: 2 },
  });
  // Each service adds its own, one through the function, one as the document does.
  registerEntities(Stock);
  registerEntities(Stock);
  Object.assign(dataSource.options, { entities: [...(dataSource.options.entities as unknown[]), Order, Line] });
  await Promise.all([initDatabase(), initDatabase()]);
  await initDatabase();
});
afterEach(async () => {
  dataSource.subscribers.length = 0;
  if (dataSource.isInitialized) await dataSource.query('truncate stock, "order", line');
});
afterAll(async () => {
  await closeDatabase();
  await closeDatabase();
});

// The inventory service.
async function reserveStock(productId: string, quantity: number): Promise<void> {
  const manager = getManager();
  const stock = await manager.findOneOrFail(Stock, { where: { productId }, lock: { mode: 'pessimistic_write' } });
  if (stock.available < quantity) throw new Error('Insufficient stock');
  stock.available -= quantity;
  stock.reserved += quantity;
  await manager.save(Stock, stock);
}

// The orders service.
async function createOrder(items: Pick<Line, 'productId' | 'quantity'>[]): Promise<Order> {
  const manager = getManager();
  return await manager.save(Order, manager.create(Order, { status: 'pending', lines: items }));
}

// The coordinator.
async function checkout(items: Pick<Line, 'productId' | 'quantity'>[]): Promise<Order> {
  return await withTransaction(async () => {
    const order = await createOrder(items);
    for (const { productId, quantity } of items) await reserveStock(productId, quantity);
    await withTransaction(() => getManager().update(Order, { id: order.id }, { status: 'paid' }));
    return order;
  });
}

const counts = async (): Promise<unknown> =>
  (
    await server.sql(
      `select (select count(*)::int from "order") as orders, (select count(*)::int from line) as lines,
         (select sum(reserved)::int from stock) as reserved`,
    )
  )[0];

describe('services that share a data source', () => {
  it('check out in one transaction, with locks and cascades, or not at all', async () => {
    await getManager().save(Stock, [
      { productId: 'a', available: 3, reserved: 0 },
      { productId: 'b', available: 1, reserved: 0 },
    ]);
    const order = await checkout([
      { productId: 'a', quantity: 1 },
      { productId: 'b', quantity: 1 },
    ]);
    expect(order.id).toBeGreaterThan(0);
    expect(await counts()).toEqual({ orders: 1, lines: 2, reserved: 2 });
    expect(
      (
        await rejection(
          checkout([
            { productId: 'a', quantity: 1 },
            { productId: 'b', quantity: 1 },
          ]),
        )
      ).message,
    ).toBe('Insufficient stock');
    expect(await counts()).toEqual({ orders: 1, lines: 2, reserved: 2 });
    expect(await dataSource.getRepository(Order).findOneBy({ id: order.id as number })).toMatchObject({
      status: 'paid',
    });
  });

  it('sell the last one once, however many want it', async () => {
    await getManager().save(Stock, { productId: 'a', available: 5, reserved: 0 });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => checkout([{ productId: 'a', quantity: 1 }])),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(await counts()).toEqual({ orders: 5, lines: 5, reserved: 5 });
  });

  it('ask for an isolation, and are told where the transaction gives less', async () => {
    const show = async (): Promise<unknown> => (await getManager().query('show transaction_isolation'))[0];
    expect(await withTransactionIsolation('SERIALIZABLE', show)).toEqual({ transaction_isolation: 'serializable' });
    expect(
      await withTransactionIsolation('SERIALIZABLE', () => withTransactionIsolation('READ COMMITTED', show)),
    ).toEqual({ transaction_isolation: 'serializable' });
    expect(await rejection(withTransaction(() => withTransactionIsolation('SERIALIZABLE', show)))).toMatchObject({
      code: 'INCOMPATIBLE_TRANSACTION',
    });
  });

  it.each([null, undefined, 'select 1'])('are refused with %s for their function', async (fn) => {
    const refused = { code: 'INVALID_OPTION', message: expect.stringContaining('was begun with') as string };
    expect(await rejection(withTransaction(fn as never))).toMatchObject(refused);
    expect(await rejection(withTransactionIsolation('SERIALIZABLE', fn as never))).toMatchObject(refused);
    expect(await rejection(dataSource.inTransaction(fn as never))).toMatchObject(refused);
  });

  it('are begun by hand, and save entities in it', async () => {
    const stock = (productId: string): Stock => ({ productId, available: 1, reserved: 0 });
    const byHand = async (end: 'commitTransaction' | 'rollbackTransaction', productId: string): Promise<void> => {
      const runner = dataSource.createQueryRunner();
      try {
        await runner.startTransaction();
        await runner.manager.save(Stock, stock(productId));
        await runner[end]();
      } finally {
        await runner.release();
      }
    };
    await byHand('commitTransaction', 'a');
    await byHand('rollbackTransaction', 'b');
    await withTransaction(async () => {
      await byHand('commitTransaction', 'c');
      await byHand('rollbackTransaction', 'd');
      await getManager().save(Stock, stock('e'));
    });
    const rows = await server.sql<{ productId: string }>('select "productId" from stock order by 1');
    expect(rows.map(({ productId }) => productId)).toEqual(['a', 'c', 'e']);
  });

  it('have savepoints, levels and hooks', async () => {
    const ran: string[] = [];
    const { database } = dataSource;
    await withTransaction(async () => {
      await getManager().insert(Stock, { productId: 'kept', available: 1, reserved: 0 });
      await rejection(
        dataSource.transaction(async (manager) => {
          await manager.insert(Stock, { productId: 'gone', available: 1, reserved: 0 });
          database.current.commit(() => ran.push('never'));
          throw new Error('no');
        }),
      );
      // A row that is there: the savepoint of the save is rolled back, and the transaction goes on.
      await rejection(
        getManager()
          .query(`select 1`)
          .then(() =>
            dataSource.transaction(() => getManager().insert(Stock, { productId: 'kept', available: 1, reserved: 0 })),
          ),
      );
      await withTransaction(() => getManager().insert(Stock, { productId: 'audit', available: 1, reserved: 0 }), {
        propagation: 'REQUIRES_NEW',
      });
      database.current.commit(() => ran.push('committed'));
    });
    expect(ran).toEqual(['committed']);
    const rows = await server.sql<{ productId: string }>('select "productId" from stock order by 1');
    expect(rows.map(({ productId }) => productId)).toEqual(['audit', 'kept']);
  });
});

describe('a query runner', () => {
  const stock = (productId: string): Stock => ({ productId, available: 1, reserved: 0 });
  const products = async (): Promise<unknown> =>
    (await server.sql<{ productId: string }>('select "productId" from stock order by 1')).map((row) => row.productId);
  let runner: QueryRunner;
  beforeEach(() => {
    runner = dataSource.createQueryRunner();
  });
  afterEach(() => runner.release());

  it('that is first used by save, or by a transaction of its manager, is of use afterwards', async () => {
    await runner.manager.save(Stock, stock('a'));
    await runner.manager.save(Stock, stock('b'));
    await runner.manager.transaction((manager) => manager.save(Stock, stock('c')));
    await rejection(runner.manager.transaction(() => Promise.reject(new Error('no'))));
    await runner.manager.transaction((manager) => manager.insert(Stock, stock('d')));
    expect(await runner.query('select count(*)::int as n from stock')).toEqual([{ n: 4 }]);
    await runner.startTransaction();
    await runner.manager.save(Stock, stock('e'));
    await runner.rollbackTransaction();
    expect(await products()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('that was made before a transaction joins it, and is of use in the next one and outside', async () => {
    for (const end of ['commit', 'rollback']) {
      const done = withTransaction(async () => {
        await runner.query(`insert into stock values ($1, 1, 0)`, [end]);
        await runner.manager.save(Stock, stock(`${end} save`));
        await runner.manager.findOneOrFail(Stock, { where: { productId: end }, lock: { mode: 'pessimistic_write' } });
        await runner.manager.transaction((manager) => manager.insert(Stock, stock(`${end} nested`)));
        await runner.startTransaction();
        await runner.query(`insert into stock values ('undone', 1, 0)`);
        await runner.rollbackTransaction();
        expect(await getManager().count(Stock)).toBe(end === 'commit' ? 3 : 6);
        if (end === 'rollback') throw new Error('no');
      });
      await (end === 'commit' ? done : rejection(done));
      expect(runner.isTransactionActive).toBe(false);
    }
    expect(await products()).toEqual(['commit', 'commit nested', 'commit save']);
    expect(await runner.query('select count(*)::int as n from stock')).toEqual([{ n: 3 }]);
    await runner.manager.save(Stock, stock('d'));
    expect(await products()).toHaveLength(4);
  });

  it('that was made in a transaction saves in one of its own afterwards', async () => {
    await withTransaction(async () => {
      await runner.release();
      runner = dataSource.createQueryRunner();
      await runner.manager.save(Stock, stock('a'));
    });
    expect(runner.isTransactionActive).toBe(false);
    const failing = runner.manager.save(Stock, [
      stock('b'),
      { productId: 'c', available: 'many' as never, reserved: 0 },
    ]);
    await rejection(failing);
    expect(await products()).toEqual(['a']);
  });

  it('that came too late for its transaction is of use outside of it', async () => {
    let late: Promise<unknown> | undefined;
    const ended = signal();
    await withTransaction(async () => {
      late = ended.promise.then(() => runner.query('select 1'));
      await getManager().count(Stock);
    });
    ended.fire();
    expect(await rejection(late as Promise<unknown>)).toMatchObject({ code: 'TRANSACTION_ENDED' });
    expect(await runner.query('select 1 as n')).toEqual([{ n: 1 }]);
  });

  it('that has a connection stays on it, in a transaction as well', async () => {
    const here = async (): Promise<unknown> => (await runner.query('select pg_backend_pid() as pid'))[0];
    const outside = await here();
    await withTransaction(async () => {
      expect(await getManager().query('select pg_backend_pid() as pid')).not.toEqual([outside]);
      expect(await here()).toEqual(outside);
    });
  });
});

describe('subscribers', () => {
  /** Notes what it is told, and what is committed at that moment. */
  function listen(): string[] {
    const told: string[] = [];
    const note = (what: string) => async (): Promise<void> => {
      told.push(`${what} ${(await server.sql('select 1 from stock')).length}`);
    };
    dataSource.subscribers.push({
      afterTransactionStart: note('start'),
      beforeTransactionCommit: note('before commit'),
      afterTransactionCommit: note('commit'),
      afterTransactionRollback: note('rollback'),
    });
    return told;
  }
  const save = (productId: string): Promise<unknown> =>
    getManager().save(Stock, { productId, available: 1, reserved: 0 });

  it('hear of start, commit and rollback once each, when it has happened', async () => {
    const told = listen();
    await withTransaction(async () => {
      await save('a');
      await dataSource.transaction((manager) => manager.save(Stock, { productId: 'b', available: 1, reserved: 0 }));
      await withTransaction(() => save('c'));
    });
    expect(told).toEqual(['start 0', 'before commit 0', 'commit 3']);
    told.length = 0;
    await rejection(
      withTransaction(async () => {
        await save('d');
        throw new Error('no');
      }),
    );
    expect(told).toEqual(['start 3', 'rollback 3']);
    told.length = 0;
    // Whoever opens it, and even if it was first heard of in what was rolled back.
    await dataSource.database.transaction(async () => {
      await rejection(
        dataSource.transaction(async () => {
          await save('e');
          throw new Error('no');
        }),
      );
      await save('f');
    });
    expect(told).toEqual(['start 3', 'before commit 3', 'commit 4']);
    told.length = 0;
    await save('g');
    expect(told).toEqual(['start 4', 'before commit 4', 'commit 5']);
  });

  it('see the rows in what they are told of, and may query there', async () => {
    const seen: unknown[] = [];
    dataSource.subscribers.push({
      async afterInsert({ manager }) {
        seen.push(await manager.count(Stock), await getManager().count(Stock));
      },
    });
    await rejection(
      withTransaction(async () => {
        await save('a');
        throw new Error('no');
      }),
    );
    expect(seen).toEqual([1, 1]);
    expect(await counts()).toMatchObject({ reserved: null });
  });
});

describe('bad input', () => {
  it('is refused with the remedy', async () => {
    expect(() => registerEntities(Order)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(() => createDataSource({ type: 'oracle' } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    const unreached = createDataSource({ type: 'postgres', url: 'postgres://shop:hunter2@127.0.0.1:1/shop' });
    const error = await rejection(unreached.initialize());
    expect(error).toMatchObject({ code: 'CONNECT_FAILED' });
    expect(error.message).not.toContain('hunter2');
    expect(() => unreached.database).toThrow('initDatabase');
  });

  it('a data source of somebody else inside of a transaction is warned of, once, by name', async () => {
    const warnings: string[] = [];
    const keep = (warning: Error & { code?: string }): void =>
      void (warning.code === 'SLUICE_FOREIGN_DATA_SOURCE' && warnings.push(warning.message));
    process.on('warning', keep);
    const database = new URL(server.url).pathname.slice(1);
    const foreign = new DataSource({ type: 'postgres', url: server.url, database, entities: [Stock] });
    await foreign.initialize();
    try {
      await foreign.query('select 1');
      await withTransaction(() => foreign.query('select 1'));
      await withTransaction(() => foreign.query('select 1'));
      await new Promise((resolve) => setImmediate(resolve));
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(database);
    } finally {
      process.off('warning', keep);
      await foreign.destroy();
    }
  });

  it('MySQL is asked for without a warning on the console', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    createDataSource({ type: 'mysql', url: 'mysql://root@127.0.0.1:3306/shop' });
    adoptDataSource(new DataSource({ type: 'mariadb', url: 'mysql://root@127.0.0.1:3306/shop' }));
    const said = warn.mock.calls;
    warn.mockRestore();
    expect(said).toEqual([]);
  });

  it('may be closed and initialized again', async () => {
    await closeDatabase();
    expect(() => dataSource.database).toThrow('initDatabase');
    await initDatabase();
    expect(await withTransaction(() => getManager().count(Stock))).toBe(0);
  });

  it('is destroyed by the second attempt where the first one has failed', async () => {
    const other = createDataSource({ type: 'postgres', url: server.url });
    await other.initialize();
    const { driver } = other;
    const disconnect = driver.disconnect.bind(driver);
    driver.disconnect = () => Promise.reject(new Error('not yet'));
    expect(await rejection(other.destroy())).toMatchObject({ message: 'not yet' });
    driver.disconnect = disconnect;
    await other.destroy();
    expect(other.isInitialized).toBe(false);
    expect(() => other.database).toThrow('initDatabase');
  });
});
