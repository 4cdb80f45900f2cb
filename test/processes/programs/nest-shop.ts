// A NestJS application that is told to end while it is asked. Node.js runs it, which has no decorators: they are called.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata';
import { Controller, Inject, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AddressInfo } from 'node:net';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import {
  getDatabaseToken,
  getQueueToken,
  JobHandler,
  JobsModule,
  RequestModule,
  SluiceModule,
  TransactionalRoute,
} from '../../../src/frameworks/nestjs/index.ts';
import type { Database } from '../../../src/index.ts';
import { pgBoss } from '../../../src/queue/engines/pg-boss/index.ts';
import { defineQueue, type Queue } from '../../../src/queue/index.ts';

const connectionString = process.argv[2] ?? '';
const paid = defineQueue<{ id: number }>('paid', { attempts: 5, concurrency: 4 });

class Orders {
  static {
    Controller('orders')(this);
    Inject(getDatabaseToken())(this, undefined, 0);
    Inject(getQueueToken(paid))(this, undefined, 1);
  }

  readonly #database: Database;
  readonly #queue: Queue<{ id: number }>;

  constructor(database: Database, queue: Queue<{ id: number }>) {
    this.#database = database;
    this.#queue = queue;
  }

  async place(id: string): Promise<void> {
    await this.#database.query('insert into product (id) values ($1)', [Number(id)]);
    await this.#queue.push({ id: Number(id) });
  }

  async pay({ id }: { id: number }): Promise<void> {
    await this.#database.query('insert into paid (id) values ($1)', [id]);
  }
}
const { prototype } = Orders;
const method = (name: 'place' | 'pay'): PropertyDescriptor =>
  Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
Param('id')(prototype, 'place', 0);
TransactionalRoute()(prototype, 'place', method('place'));
Post(':id')(prototype, 'place', method('place'));
JobHandler(paid)(prototype, 'pay', method('pay'));

class AppModule {
  static {
    Module({
      imports: [
        SluiceModule.forRoot({ clients: { default: postgres({ connectionString, max: 1 }) }, drainDelay: 500 }),
        RequestModule.forRoot(),
        JobsModule.forRoot({ queues: { paid }, engine: pgBoss({ connectionString }) }),
      ],
      controllers: [Orders],
    })(this);
  }
}

const app = await NestFactory.create(AppModule, { logger: ['error'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
process.send?.({ port: (app.getHttpServer().address() as AddressInfo).port });
