import { ConflictException, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { InjectQueue, Transactional } from 'sluice/nestjs';
import type { Queue } from 'sluice/queue';
import { MoreThan, Repository } from 'typeorm';
import { Order, Product } from './entities.js';
import { payment } from './queues.js';

@Injectable()
export class OrdersService {
  constructor(
    @InjectRepository(Product) private readonly products: Repository<Product>,
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    @InjectQueue(payment) private readonly payments: Queue<{ orderId: number }, void>,
  ) {}

  /** Order, job and stock: all of it, or nothing. */
  @Transactional()
  async checkout(productId: string): Promise<Order> {
    const order = await this.orders.save(this.orders.create({ productId }));
    await this.payments.push({ orderId: order.id });
    const { affected } = await this.products.decrement({ id: productId, stock: MoreThan(0) }, 'stock', 1);
    if (affected === 0) throw new ConflictException('sold out');
    return order;
  }

  async find(id: number): Promise<Order> {
    return await this.orders.findOneByOrFail({ id });
  }
}
