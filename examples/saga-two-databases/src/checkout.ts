import { createSagas, defineSaga, type SagaDefinition, type Sagas } from 'sluice/saga';
import { type CheckoutDto, Inventory, Orders, Payments } from './services.ts';
import type { Shop } from './shop.ts';

/** Orders of this amount and more wait for someone who approves them. */
const approvedFrom = 1_000;

interface Approval {
  readonly by: string;
  readonly granted: boolean;
}
interface Receipt {
  readonly orderId: number;
  readonly approvedBy: string | null;
}
export type ShopSagas = Sagas<{ checkout: SagaDefinition<CheckoutDto, Receipt> }>;

export function createShopSagas(shop: Shop): ShopSagas {
  const [inventory, orders, payments] = [new Inventory(shop), new Orders(shop), new Payments(shop)];

  const checkout = defineSaga('checkout', async (saga, dto: CheckoutDto): Promise<Receipt> => {
    for (const { productId, quantity } of dto.items) {
      await saga.step(`reserve ${productId}`, () => inventory.reserveStock(productId, quantity), {
        compensate: (reservation) => inventory.releaseStock(reservation),
      });
    }
    const order = await saga.step('order', () => orders.createOrder(dto), {
      compensate: (made) => orders.setStatus(made, 'cancelled'),
    });
    const payment = { orderId: order.id, amount: dto.totalAmount, method: dto.paymentMethod };
    await saga.step('pay', { clientName: 'payments' }, () => payments.processPayment(payment), {
      compensate: (paid) => payments.refundPayment(paid),
    });
    let approvedBy: string | null = null;
    if (dto.totalAmount >= approvedFrom) {
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
