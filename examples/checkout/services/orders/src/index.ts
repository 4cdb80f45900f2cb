import { getManager, registerEntities } from '@shop/shared-database';
import { EntitySchema } from 'typeorm';

export interface Order {
  id: number;
  customerId: string;
  status: string;
}
export const Order = new EntitySchema<Order>({
  name: 'order',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    customerId: { type: 'text', name: 'customer_id' },
    status: { type: 'text' },
  },
});

export interface OrderLine {
  id: number;
  orderId: number;
  productId: string;
  quantity: number;
  price: number;
}
export const OrderLine = new EntitySchema<OrderLine>({
  name: 'order_line',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    orderId: { type: 'int', name: 'order_id' },
    productId: { type: 'text', name: 'product_id' },
    quantity: { type: 'int' },
    price: { type: 'int' },
  },
});

registerEntities(Order, OrderLine);

export interface Item {
  readonly productId: string;
  readonly quantity: number;
  readonly price: number;
}

export async function createOrder(dto: { customerId: string; items: readonly Item[] }): Promise<Order> {
  const manager = getManager();
  const order = await manager.save(Order, manager.create(Order, { customerId: dto.customerId, status: 'pending' }));
  const lines = dto.items.map((item) => manager.create(OrderLine, { orderId: order.id, ...item }));
  await manager.save(OrderLine, lines);
  return order;
}
