import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { JobHandler } from 'sluice/nestjs';
import { Repository } from 'typeorm';
import { CatalogueService } from './catalogue.service';
import { Order, Payment } from './entities';
import { payment } from './queues';

@Injectable()
export class PaymentsService {
  constructor(
    private readonly catalogue: CatalogueService,
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    @InjectRepository(Payment) private readonly payments: Repository<Payment>,
  ) {}

  /** It commits together with the acknowledgement of the job, so each order is paid once. */
  @JobHandler(payment)
  async pay({ orderId }: { orderId: number }): Promise<number> {
    const order = await this.orders.findOneByOrFail({ id: orderId });
    const amount = await this.catalogue.priceOf(order.productId);
    await this.payments.insert({ orderId, amount });
    await this.orders.update({ id: orderId }, { paid: true });
    return amount;
  }
}
