import { queues } from './queues.ts';
import type { Shop } from './shop.ts';

/** Makes this process run the jobs. What one writes commits together with its acknowledgement. */
export function handlePayments({ prisma, jobs }: Shop): void {
  jobs
    .worker()
    .handle(queues.payment, async ({ orderId }) => {
      const [order] = await prisma.order.updateManyAndReturn({
        where: { id: orderId, status: 'placed' },
        data: { status: 'paid' },
      });
      // None: it has been cancelled.
      if (order !== undefined) await prisma.payment.create({ data: { orderId, amount: order.amount } });
    })
    .handle(queues.refund, async ({ orderId }) => {
      // It may come again: for a cancellation that failed after its refund, and is repeated.
      const { amount } = await prisma.payment.update({ where: { orderId }, data: { refunded: true } });
      return amount;
    });
}
