import { drizzled } from '@shop/shared-database';
import { sql } from 'drizzle-orm';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';

const payment = pgTable('payment', { orderId: integer('order_id'), amount: integer(), method: text() });

/** Written with Drizzle: sees what the transaction around it has written. */
export async function revenue(): Promise<number> {
  const [row] = await drizzled.select({ total: sql<string | null>`sum(${payment.amount})` }).from(payment);
  return Number(row?.total ?? 0);
}
