// The samples of the document on services that share a DataSource, in their order, as they are written there but for imports:
// what its shared package implements is in `sluice/typeorm`, and its entities have no decorators.
import { EntitySchema } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it as plainIt } from 'vitest';
import {
  type AmbientDataSource,
  closeDatabase,
  createDataSource,
  getManager,
  initDatabase,
  withTransaction,
  withTransactionIsolation,
} from '../../src/integrations/typeorm/index.ts';
import { rollbackEach } from '../../src/testing/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

class Stock {
  declare productId: string;
  declare available: number;
  declare reserved: number;
}
class Reservation {
  declare id: number;
  declare productId: string;
  declare quantity: number;
  declare expiresAt: Date;
}
class Order {
  declare id: number;
  declare customerId: string;
  declare status: string;
}
class OrderLine {
  declare id: number;
  declare orderId: number;
  declare productId: string;
  declare quantity: number;
  declare price: number;
}
interface Item {
  readonly productId: string;
  readonly quantity: number;
  readonly price: number;
}
interface CreateOrderDto {
  readonly customerId: string;
  readonly items: readonly Item[];
}
interface CheckoutDto extends CreateOrderDto {
  readonly totalAmount: number;
  readonly paymentMethod: string;
}

const generated = { type: 'int', primary: true, generated: true } as const;
const [text, int] = [{ type: 'text' }, { type: 'int' }] as const;
const inventoryEntities = [
  new EntitySchema<Stock>({
    name: 'stock',
    target: Stock,
    columns: { productId: { type: 'text', primary: true }, available: int, reserved: int },
  }),
  new EntitySchema<Reservation>({
    name: 'reservation',
    target: Reservation,
    columns: { id: generated, productId: text, quantity: int, expiresAt: { type: 'timestamptz' } },
  }),
];
const orderEntities = [
  new EntitySchema<Order>({
    name: 'order',
    target: Order,
    columns: { id: generated, customerId: text, status: text },
  }),
  new EntitySchema<OrderLine>({
    name: 'order_line',
    target: OrderLine,
    columns: { id: generated, orderId: int, productId: text, quantity: int, price: int },
  }),
];

const server = useTestDatabase();
let dataSource: AmbientDataSource;

// 1. The shared package, and 2. the registration of entities.
beforeAll(async () => {
  dataSource = createDataSource({
    type: 'postgres',
    url: server.url,
    entities: [],
    synchronize: true,
    logging: process.env['NODE_ENV'] === 'development',
    pool: { min: 2, max: 10 },
  });
  const options = dataSource.options as { entities: unknown };
  options.entities = [...(options.entities as unknown[]), ...inventoryEntities];
  options.entities = [...(options.entities as unknown[]), ...orderEntities];
  await initDatabase();
});
beforeEach(async () => {
  await server.sql('truncate stock, reservation, "order", order_line');
  await server.sql(`insert into stock values ('prod-1', 3, 0), ('prod-2', 1, 0)`);
});
afterAll(async () => {
  await closeDatabase();
});

const counts = async (): Promise<unknown> =>
  (
    await server.sql(
      `select (select sum(reserved)::int from stock) as reserved, (select count(*)::int from reservation) as reservations,
         (select count(*)::int from "order") as orders, (select count(*)::int from order_line) as lines`,
    )
  )[0];
const nothing = { reserved: 0, reservations: 0, orders: 0, lines: 0 };

// 3. The inventory service.
async function reserveStock(productId: string, quantity: number): Promise<Reservation> {
  const manager = getManager();

  // Check availability
  const stock = await manager.findOneOrFail(Stock, {
    where: { productId },
    lock: { mode: 'pessimistic_write' }, // FOR UPDATE
  });

  if (stock.available < quantity) {
    throw new Error('Insufficient stock');
  }

  // Decrease available quantity
  stock.available -= quantity;
  stock.reserved += quantity;
  await manager.save(stock);

  // Create reservation
  const reservation = manager.create(Reservation, {
    productId,
    quantity,
    expiresAt: new Date(Date.now() + 15 * 60 * 1000), // 15 min
  });

  return manager.save(reservation);
}

// The orders service.
async function createOrder(dto: CreateOrderDto): Promise<Order> {
  const manager = getManager();

  const order = manager.create(Order, {
    customerId: dto.customerId,
    status: 'pending',
  });

  await manager.save(order);

  const lines = dto.items.map((item) =>
    manager.create(OrderLine, {
      orderId: order.id,
      productId: item.productId,
      quantity: item.quantity,
      price: item.price,
    }),
  );

  await manager.save(lines);

  return order;
}

// The payments service.
async function processPayment({ orderId, method }: { orderId: number; amount: number; method: string }): Promise<void> {
  if (method === 'declined') throw new Error('Card declined');
  if (!(await getManager().existsBy(Order, { id: orderId }))) throw new Error('the order cannot be seen');
}

// The coordinator.
async function checkout(dto: CheckoutDto): Promise<Order> {
  // Everything executes in a single transaction
  return withTransaction(async () => {
    // 1. Reserve items
    for (const item of dto.items) {
      await reserveStock(item.productId, item.quantity);
    }

    // 2. Create order
    const order = await createOrder({
      customerId: dto.customerId,
      items: dto.items,
    });

    // 3. Process payment
    await processPayment({
      orderId: order.id,
      amount: dto.totalAmount,
      method: dto.paymentMethod,
    });

    return order;
  });
}

const wanted: CheckoutDto = {
  customerId: 'user-1',
  items: [
    { productId: 'prod-1', quantity: 2, price: 10 },
    { productId: 'prod-2', quantity: 1, price: 20 },
  ],
  totalAmount: 40,
  paymentMethod: 'card',
};

describe('usage in services', () => {
  plainIt('everything executes in a single transaction, or nothing does', async () => {
    expect((await rejection(checkout({ ...wanted, paymentMethod: 'declined' }))).message).toBe('Card declined');
    expect(await counts()).toEqual(nothing);
    expect((await checkout(wanted)).status).toBe('pending');
    expect(await counts()).toEqual({ reserved: 3, reservations: 2, orders: 1, lines: 2 });
    expect((await rejection(checkout(wanted))).message).toBe('Insufficient stock');
    expect(await counts()).toEqual({ reserved: 3, reservations: 2, orders: 1, lines: 2 });
  });
});

describe('nested transactions', () => {
  plainIt('inner calls reuse the transaction that there is', async () => {
    const transactions = new Set<unknown>();
    const note = async (): Promise<void> => {
      const [row] = await getManager().query<{ id: string }[]>('select pg_current_xact_id()::text as id');
      transactions.add(row?.id);
    };
    await withTransaction(async () => {
      await note();

      // Does not create a new transaction, uses existing one
      await withTransaction(async () => {
        await note();
      });
    });
    expect(transactions.size).toBe(1);
  });
});

describe('isolation levels', () => {
  plainIt('protect against races during a reservation', async () => {
    const [productId, quantity] = ['prod-2', 1];
    const reserve = (): Promise<void> =>
      withTransactionIsolation('SERIALIZABLE', async () => {
        const stock = await getManager().findOne(Stock, { where: { productId } });
        if (stock !== null && stock.available >= quantity) {
          await reserveStock(productId, quantity);
        }
      });
    const results = await Promise.allSettled([reserve(), reserve(), reserve()]);
    expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: '40001' });
    expect(await counts()).toEqual({ ...nothing, reserved: 1, reservations: 1 });
  });
});

// The document's BEGIN and ROLLBACK isolate nothing, since each goes to whichever connection is free.
describe('testing', () => {
  plainIt('each test is rolled back', async () => {
    const bodies: (() => unknown)[] = [];
    const it = rollbackEach(dataSource.database, (_name: string, body: () => unknown) => void bodies.push(body));
    it('should create order with reserved stock', async () => {
      const order = await checkout({ ...wanted, items: [{ productId: 'prod-1', quantity: 2, price: 10 }] });

      expect(order.status).toBe('pending');
    });
    expect(bodies).toHaveLength(1);
    for (const body of bodies) await body();
    expect(await counts()).toEqual(nothing);
  });
});

describe('monitoring and debugging', () => {
  plainIt('subscribers hear of transactions', async () => {
    const log: string[] = [];
    dataSource.subscribers.push({
      afterTransactionStart() {
        log.push('Transaction started');
      },
      afterTransactionCommit() {
        log.push('Transaction committed');
      },
      afterTransactionRollback() {
        log.push('Transaction rolled back');
      },
    });
    await checkout(wanted);
    await rejection(checkout({ ...wanted, paymentMethod: 'declined' }));
    dataSource.subscribers.length = 0;
    expect(log).toEqual([
      'Transaction started',
      'Transaction committed',
      'Transaction started',
      'Transaction rolled back',
    ]);
  });
});
