import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobsModule, RequestModule, SluiceModule, typeOrmOptions } from 'sluice/nestjs';
import { postgres } from 'sluice/postgres';
import { bullmq } from 'sluice/queue/bullmq';
import { createDataSource } from 'sluice/typeorm';
import { OrdersModule } from './orders/orders.module';
import { payment } from './orders/queues';

export interface AppOptions {
  /** Whether the process runs jobs. */
  readonly workers: boolean;
}

@Module({})
export class AppModule {
  static forRoot({ workers }: AppOptions): DynamicModule {
    const max = Number(process.env.POOL_SIZE ?? 10);
    return {
      module: AppModule,
      imports: [
        SluiceModule.forRoot({
          clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max, acquireTimeout: 30_000 }) },
          drainDelay: Number(process.env.DRAIN_DELAY ?? 0),
        }),
        RequestModule.forRoot({ timeout: 30_000 }),
        TypeOrmModule.forRootAsync(
          typeOrmOptions(createDataSource, { useFactory: () => ({ entities: [], autoLoadEntities: true }) }),
        ),
        OrdersModule,
        // Last: its jobs end before what their handlers use.
        JobsModule.forRootAsync({
          queues: { payment },
          workers,
          useFactory: () => ({
            engine: bullmq({
              connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
              prefix: process.env.JOBS_PREFIX ?? 'shop',
            }),
          }),
        }),
      ],
    };
  }
}
