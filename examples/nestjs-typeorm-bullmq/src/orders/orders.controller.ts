import { Body, Controller, Get, Param, ParseIntPipe, Post, Put } from '@nestjs/common';
import { SluiceHealthIndicator, TransactionalRoute } from 'sluice/nestjs';
import { CatalogueService } from './catalogue.service';
import { Order } from './entities';
import { OrdersService } from './orders.service';

@Controller()
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly catalogue: CatalogueService,
    private readonly health: SluiceHealthIndicator,
  ) {}

  @Post('orders')
  @TransactionalRoute()
  async place(@Body() { productId }: { productId: string }): Promise<Order> {
    return await this.orders.checkout(productId);
  }

  @Get('orders/:id')
  async find(@Param('id', ParseIntPipe) id: number): Promise<Order> {
    return await this.orders.find(id);
  }

  @Get('products/:id/price')
  async price(@Param('id') id: string): Promise<{ price: number }> {
    return { price: await this.catalogue.priceOf(id) };
  }

  @Put('products/:id/price')
  @TransactionalRoute()
  async setPrice(@Param('id') id: string, @Body() { price }: { price: number }): Promise<void> {
    await this.catalogue.setPrice(id, price);
  }

  @Get('ready')
  async ready(): Promise<object> {
    return await this.health.pingCheck('database');
  }
}
