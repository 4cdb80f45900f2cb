import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CatalogueService } from './catalogue.service';
import { Order, Payment, Product } from './entities';
import { OrdersController } from './orders.controller';
import { OrdersService } from './orders.service';
import { PaymentsService } from './payments.service';
import { StockService } from './stock.service';

@Module({
  imports: [TypeOrmModule.forFeature([Product, Order, Payment])],
  controllers: [OrdersController],
  providers: [CatalogueService, OrdersService, PaymentsService, StockService],
})
export class OrdersModule {}
