import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { JobHandler } from 'sluice/nestjs';
import { Repository } from 'typeorm';
import { Order, Payment } from './entities.js';
import { payment } from './queues.js';

@Injectable()
export class PaymentsService {
  constructor(
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    @InjectRepository(Payment) private readonly payments: Repository<Payment>,
  ) {}

  @JobHandler(payment)
  async pay({ orderId }: { orderId: number }): Promise<void> {
    await this.payments.insert({ orderId });
    await this.orders.update({ id: orderId }, { paid: true });
  }
}
