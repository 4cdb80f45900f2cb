import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import fastify, { type FastifyInstance } from 'fastify';
import { afterRollback, createContextCarrier, type Database } from 'sluice';
import { bindDrizzle } from 'sluice/drizzle';
import { sluice } from 'sluice/fastify';
import { ambientPool } from 'sluice/postgres';

export const order = pgTable('order', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  customerId: integer('customer_id').notNull(),
  itemId: integer('item_id').notNull(),
  quantity: integer().notNull(),
});

interface Options {
  /** Where the stock service is. */
  readonly stockUrl: string;
  readonly secret: string;
}

interface NewOrder {
  readonly customerId: number;
  readonly itemId: number;
  readonly quantity: number;
}

const positive = { type: 'integer', minimum: 1, maximum: 2_147_483_647 } as const;
const body = {
  type: 'object',
  properties: { customerId: positive, itemId: positive, quantity: { type: 'integer', minimum: 1, maximum: 1_000 } },
  required: ['customerId', 'itemId', 'quantity'],
} as const;

/** The shop. It ends its database with itself. */
export async function shopService(
  database: Database<'default'>,
  { stockUrl, secret }: Options,
): Promise<FastifyInstance> {
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const { injectContext } = createContextCarrier(database, { secret });
  const app = fastify();
  await app.register(sluice(database, { secret, timeout: 30_000, shutdown: {} }));

  /** Calls the stock service with the deadline, tenant and level of what is ambient here. */
  async function post(path: string, quantity: number, signal?: AbortSignal): Promise<Response> {
    const headers = injectContext(new Headers({ 'content-type': 'application/json' }));
    const request = { method: 'POST', headers, body: JSON.stringify({ quantity }) };
    return await fetch(`${stockUrl}${path}`, signal === undefined ? request : { ...request, signal });
  }

  app.post<{ Body: NewOrder }>(
    '/orders',
    { schema: { body }, config: { transaction: true } },
    async (request, reply) => {
      const { customerId, itemId, quantity } = request.body;
      const [placed] = await db.insert(order).values({ customerId, itemId, quantity }).returning();
      const answer = await post(`/items/${itemId}/reservations`, quantity, request.sluice.signal);
      if (!answer.ok) return await reply.code(answer.status).send(await answer.json());
      // The reservation is committed there: whatever fails from here on gives it back.
      afterRollback(async () => {
        await post(`/items/${itemId}/returns`, quantity);
      });
      return await reply.code(201).send({ id: placed?.id });
    },
  );
  return app;
}
