// What each adapter adds to the types of its framework.
import { Controller, Injectable, Module, Post } from '@nestjs/common';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import type { Database } from 'sluice';
import { TransactionHost } from 'sluice/compat/nestjs-cls';
import plugin from 'sluice/eslint';
import { contextOf, problemHandler, sluice as expressSluice, transactional } from 'sluice/express';
import { sluice as fastifySluice } from 'sluice/fastify';
import { problemHandler as honoProblems, sluice as honoSluice, transaction } from 'sluice/hono';
import { problemOf, routeTransaction } from 'sluice/http';
import { InjectDatabase, InjectQueue, JobHandler, JobsModule, SluiceModule, Transactional } from 'sluice/nestjs';
import { TransactionalRoute } from 'sluice/nestjs';
import { defineQueue, type Queue } from 'sluice/queue';

export async function onFastify(database: Database): Promise<void> {
  const app = fastify();
  await app.register(fastifySluice(database, { timeout: 5_000 }));
  app.post('/sales', { config: { transaction: { retry: { attempts: 3 } } } }, async () => 1);
  app.get('/sales', async (request) => {
    const signal: AbortSignal = request.sluice.signal;
    return await request.transaction(async () => signal.aborted, { readOnly: true });
  });
}

export function onExpress(database: Database): void {
  const app = express();
  app.use(expressSluice(database));
  app.post(
    '/sales',
    transactional(async (request, response) => {
      response.json(await contextOf(request).transaction(async () => 1));
    }),
  );
  app.use(problemHandler());
}

export function onHono(database: Database): Hono {
  const app = new Hono();
  app.use(honoSluice(database));
  app.post('/sales', transaction(), (c) => c.json({ sold: true }));
  app.get('/sales', async (c) => c.json({ sold: await c.get('sluice').transaction(async () => 1) }));
  app.onError(honoProblems());
  return app;
}

const invoice = defineQueue<{ orderId: number }, string>('invoice');

@Injectable()
class Orders {
  constructor(
    @InjectDatabase() readonly database: Database,
    @InjectQueue(invoice) readonly invoices: Queue<{ orderId: number }, string>,
    readonly host: TransactionHost,
  ) {}

  @Transactional({ isolationLevel: 'SERIALIZABLE' })
  async place(orderId: number): Promise<string> {
    return await this.invoices.pushAsync({ orderId });
  }

  @JobHandler(invoice)
  async write({ orderId }: { orderId: number }): Promise<string> {
    return `INV-${orderId}`;
  }
}

@Controller('orders')
class OrdersController {
  constructor(private readonly orders: Orders) {}

  @Post()
  @TransactionalRoute()
  async place(): Promise<string> {
    return await this.orders.place(1);
  }
}

export function inNest(database: Database): object {
  const imports = [SluiceModule.forRoot({ database }), JobsModule.forRoot({ queues: { invoice } })];
  class AppModule {}
  Module({ imports, controllers: [OrdersController], providers: [Orders] })(AppModule);
  return AppModule;
}

export const others = [problemOf, routeTransaction, plugin.configs.recommended];
