import { Body, Controller, Get, Param, ParseIntPipe, Post } from '@nestjs/common';
import { TransactionalRoute } from 'sluice/nestjs';
import { Order } from './entities.js';
import { OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  // By its class: the compiler has to have written the types of parameters.
  constructor(private readonly orders: OrdersService) {}

  @Post()
  @TransactionalRoute()
  async place(@Body() { productId }: { productId: string }): Promise<Order> {
    return await this.orders.checkout(productId);
  }

  @Get(':id')
  async find(@Param('id', ParseIntPipe) id: number): Promise<Order> {
    return await this.orders.find(id);
  }
}
