import { createSagas, defineSaga, type SagaDefinition, type Sagas } from 'sluice/saga';
import { Inventory, type Order, Orders, Payments } from './services.ts';
import type { Shop } from './shop.ts';

/** Orders of this amount and more wait for someone who approves them. */
const approvedFrom = 1_000;

interface Approval {
  readonly by: string;
  readonly granted: boolean;
}
interface Receipt {
  readonly orderId: string;
  readonly approvedBy: string | null;
}
export type ShopSagas = Sagas<{ checkout: SagaDefinition<Order, Receipt> }>;

export function createShopSagas(shop: Shop): ShopSagas {
  const [inventory, orders, payments] = [new Inventory(shop), new Orders(shop), new Payments(shop)];

  const checkout = defineSaga('checkout', async (saga, order: Order): Promise<Receipt> => {
    await saga.step(
      'place',
      async () => {
        await inventory.reserve(order);
        await orders.place(order);
      },
      {
        compensate: async () => {
          await orders.setStatus(order, 'cancelled');
          await inventory.release(order);
        },
      },
    );
    await saga.step('charge', { clientName: 'payments' }, () => payments.charge(order), {
      compensate: () => payments.refund(order),
    });
    let approvedBy: string | null = null;
    if (order.amount >= approvedFrom) {
      // For days if need be: it holds no connection, and outlives this process.
      const { by, granted } = await saga.waitFor<Approval>('approval', { timeout: '2 days' });
      if (!granted) throw new Error(`${by} has refused the order`);
      approvedBy = by;
    }
    await saga.step('confirm', () => orders.setStatus(order, 'confirmed'));
    return { orderId: order.id, approvedBy };
  });
  return createSagas(shop, { sagas: { checkout }, pollInterval: 100 });
}
