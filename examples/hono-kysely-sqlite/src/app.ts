import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { problemHandler, sluice, transaction } from 'sluice/hono';
import * as z from 'zod';
import { findProduct, placeOrder } from './orders.ts';
import type { Shop } from './shop.ts';

const newOrder = z.object({
  productId: z.string().min(1),
  quantity: z.int().min(1).max(1_000),
  email: z.email(),
});

interface Options {
  /** How long a request may take, in milliseconds. */
  readonly timeout?: number;
}

export function createApp(shop: Shop, { timeout = 5_000 }: Options = {}): Hono {
  const { database, kysely } = shop;
  const app = new Hono();
  app.onError(problemHandler());
  app.get('/live', (c) => c.text('ok'));
  app.get('/ready', async (c) => {
    const asking = database.transaction(() => kysely.selectFrom('product').select('id').limit(1).execute(), {
      name: 'readiness',
      readOnly: true,
      timeout: 1_000,
    });
    return await asking.then(
      () => c.text('ok'),
      () => c.text('the database does not answer', 503),
    );
  });

  app.use(sluice(database, { timeout }));
  app.get('/products/:id', async (c) => c.json(await findProduct(shop, c.req.param('id'))));
  app.post('/orders', transaction(), async (c) => {
    const read = newOrder.safeParse(await c.req.json().catch(() => undefined));
    if (!read.success) throw new HTTPException(400, { message: z.prettifyError(read.error) });
    return c.json(await placeOrder(shop, read.data), 201);
  });
  app.get('/orders/:id', async (c) => {
    const id = Number(c.req.param('id'));
    const order = await kysely.selectFrom('order').selectAll().where('id', '=', id).executeTakeFirst();
    return order === undefined ? c.text('no such order', 404) : c.json(order);
  });
  return app;
}
