import { kysely } from '@shop/shared-database';

/** Written with Kysely, in a transaction of its own; inside of another one that is a savepoint. */
export async function processPayment(payment: { orderId: number; amount: number; method: string }): Promise<void> {
  await kysely.transaction().execute(async (trx) => {
    await trx
      .insertInto('payment')
      .values({ order_id: payment.orderId, amount: payment.amount, method: payment.method })
      .execute();
    if (payment.method === 'expired card') throw new Error('Card declined');
  });
}
