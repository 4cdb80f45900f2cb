import express, { type ErrorRequestHandler, type Express } from 'express';
import { contextOf, problemHandler, sluice, transactional } from 'sluice/express';
import { z, ZodError } from 'zod';
import { cancel, checkout, findOrder } from './orders.ts';
import type { Shop } from './shop.ts';

const newOrder = z.object({
  key: z.string().min(1).max(200),
  productId: z.string(),
  quantity: z.int().min(1).max(1_000),
});
const orderId = z.coerce.number().int().min(1).max(2_147_483_647);

interface Options {
  /** Milliseconds for each request; what takes longer is rolled back, and answered with 504. */
  readonly timeout?: number;
}

export function createApp(shop: Shop, { timeout = 30_000 }: Options = {}): Express {
  const app = express();
  app.get('/live', (_request, response) => void response.send('ok'));
  app.get('/ready', async (_request, response) => {
    await shop.database.transaction(() => shop.prisma.$queryRaw`select 1`, { name: 'readiness', timeout: 1_000 });
    response.send('ok');
  });

  // The gateway in front knows whose request it is.
  app.use(sluice(shop.database, { timeout, tenant: (request) => request.get('x-shop') }));
  app.use(express.json());

  // They commit before they answer, and roll back for an error.
  app.post(
    '/orders',
    transactional(async (request, response) => {
      const wanted = newOrder.parse({ ...request.body, key: request.get('idempotency-key') });
      const { order, isNew } = await checkout(shop, wanted);
      response.status(isNew ? 201 : 200).json(order);
    }),
  );
  app.post(
    '/orders/:id/cancellation',
    transactional(async (request, response) => {
      response.json({ refunded: await cancel(shop, orderId.parse(request.params.id)) });
    }),
  );
  app.get('/orders/:id', async (request, response) => {
    const find = () => findOrder(shop, orderId.parse(request.params.id));
    response.json(await contextOf(request).transaction(find, { readOnly: true }));
  });

  app.use(refusals);
  app.use(problemHandler({ onError: (error) => console.error(error) }));
  return app;
}

/** Answers what is the client's fault: ours, and that of the parser of bodies. The rest is the problem handler's. */
const refusals: ErrorRequestHandler = (error, _request, response, next) => {
  if (error instanceof ZodError) response.status(400).json({ error: 'invalid', issues: error.issues });
  else if (error?.expose === true) response.status(error.status).json({ error: error.message });
  else next(error);
};
