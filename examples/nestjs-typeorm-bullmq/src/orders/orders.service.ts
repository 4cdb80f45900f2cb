import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { InjectQueue, Transactional } from 'sluice/nestjs';
import type { Queue } from 'sluice/queue';
import { Repository } from 'typeorm';
import { Order } from './entities';
import { payment } from './queues';
import { StockService } from './stock.service';

@Injectable()
export class OrdersService {
  constructor(
    private readonly stock: StockService,
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    @InjectQueue(payment) private readonly payments: Queue<{ orderId: number }, number>,
  ) {}

  /** Stock, order and job: all of it, or nothing. */
  @Transactional()
  async checkout(productId: string): Promise<Order> {
    await this.stock.reserve(productId);
    const order = await this.orders.save(this.orders.create({ productId }));
    await this.payments.push({ orderId: order.id });
    return order;
  }

  async find(id: number): Promise<Order> {
    return await this.orders.findOneByOrFail({ id });
  }
}
