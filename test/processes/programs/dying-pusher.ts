// Places orders, each with a job that leaves with the commit, until it is killed.
import { openShop, settingsFromParent } from './shop-jobs.ts';

const first = Number(process.argv[3]);
const { database, jobs } = await openShop(settingsFromParent());
let next = first;

class OutOfStockError extends Error {}

async function placeOrder(orderId: number): Promise<void> {
  await database.transaction(async () => {
    await database.current.query('insert into placed (order_id) values ($1)', [orderId]);
    await jobs.queues.book.push({ orderId });
    // Every third order is never placed.
    if (orderId % 3 === 0) throw new OutOfStockError('out of stock');
  });
}

async function placeOrders(): Promise<void> {
  for (;;) {
    const orderId = next;
    next += 1;
    try {
      await placeOrder(orderId);
      // So that the parent takes aim by what was done, and not by a clock.
      process.stdout.write('placed\n');
    } catch (error) {
      if (!(error instanceof OutOfStockError)) throw error;
    }
  }
}

// Everything is connected and created before the first order that counts.
await Promise.all([-1, -2, -4, -5].map(placeOrder));
await Promise.all([placeOrders(), placeOrders(), placeOrders(), placeOrders()]);
