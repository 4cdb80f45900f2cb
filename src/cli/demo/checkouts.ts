import type { Database } from '../../index.ts';
import { findViolations } from './invariants.ts';
import { createTables, products } from './schema.ts';
import { type Checkout, createShop, type Item, PaymentDeclinedError, SoldOutError } from './shop.ts';

export interface CheckoutFigures {
  readonly max: number;
  readonly requested: number;
  readonly committed: number;
  readonly declined: number;
  readonly soldOut: number;
  readonly violations: number;
  readonly ms: number;
}

export interface CheckoutRun {
  readonly database: Database;
  /** Whether the audit trail can be written while an order is open. */
  readonly auditsSeparately: boolean;
  readonly max: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, requested: number) => void;
}

const requested = 500;
const buyers = 50;
/** Every tenth payment is declined. */
const declinedEvery = 10;

/** Lets 50 buyers at once check out 500 times, and holds the tables against the invariants afterwards. */
export async function runCheckouts({
  database,
  auditsSeparately,
  max,
  signal,
  onProgress,
}: CheckoutRun): Promise<CheckoutFigures & { readonly problems: readonly string[] }> {
  await createTables(database);
  const checkOut = createShop(database, { db: database.getDb(), isSeparate: auditsSeparately });
  const counts = { committed: 0, declined: 0, soldOut: 0 };
  const declinedOrders: number[] = [];
  let next = 0;
  let done = 0;
  const start = performance.now();

  const buy = async (buyer: number): Promise<void> => {
    while (next < requested) {
      signal.throwIfAborted();
      next += 1;
      const checkout = planCheckout(next, buyer);
      try {
        await checkOut(checkout);
        counts.committed += 1;
      } catch (error) {
        if (error instanceof SoldOutError) counts.soldOut += 1;
        else if (error instanceof PaymentDeclinedError) {
          counts.declined += 1;
          declinedOrders.push(checkout.orderId);
        } else throw error;
      }
      done += 1;
      onProgress(done, requested);
    }
  };
  await Promise.all(Array.from({ length: buyers }, (_, buyer) => buy(buyer)));

  const ms = Math.round(performance.now() - start);
  const problems = await findViolations(database, { ...counts, declinedOrders });
  return { max, requested, ...counts, violations: problems.length, ms, problems };
}

/** One to three different products, in the order of their ids, so that buyers do not deadlock on rows. */
function planCheckout(orderId: number, buyer: number): Checkout {
  const chosen = new Set(Array.from({ length: 1 + (orderId % 3) }, () => 1 + Math.floor(Math.random() * products)));
  const items: Item[] = [...chosen]
    .toSorted((one, other) => one - other)
    .map((productId) => ({ productId, quantity: 1 + (orderId % 2) }));
  return { orderId, buyer, items, declined: orderId % declinedEvery === 0 };
}
