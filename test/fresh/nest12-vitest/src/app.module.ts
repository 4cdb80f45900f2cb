import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobsModule, RequestModule, SluiceModule, typeOrmOptions } from 'sluice/nestjs';
import { postgres } from 'sluice/postgres';
import { bullmq } from 'sluice/queue/bullmq';
import { createDataSource } from 'sluice/typeorm';
import { Order, Payment, Product } from './orders/entities.js';
import { OrdersController } from './orders/orders.controller.js';
import { OrdersService } from './orders/orders.service.js';
import { PaymentsService } from './orders/payments.service.js';
import { payment } from './orders/queues.js';

const connection = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';

@Module({
  imports: [
    SluiceModule.forRoot({ clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max: 2 }) } }),
    RequestModule.forRoot({ timeout: 10_000 }),
    TypeOrmModule.forRootAsync(
      typeOrmOptions(createDataSource, {
        useFactory: () => ({ entities: [], autoLoadEntities: true, synchronize: true }),
      }),
    ),
    TypeOrmModule.forFeature([Product, Order, Payment]),
    JobsModule.forRoot({ queues: { payment }, engine: bullmq({ connection, prefix: process.env.JOBS_PREFIX }) }),
  ],
  controllers: [OrdersController],
  providers: [OrdersService, PaymentsService],
})
export class AppModule {}
