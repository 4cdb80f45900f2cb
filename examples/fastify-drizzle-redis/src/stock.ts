import { and, eq, gte, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import fastify, { type FastifyInstance } from 'fastify';
import type { Redis } from 'ioredis';
import type { Database } from 'sluice';
import { createCache } from 'sluice/cache';
import { RedisStore } from 'sluice/cache/redis';
import { bindDrizzle } from 'sluice/drizzle';
import { sluice } from 'sluice/fastify';
import { ambientPool } from 'sluice/postgres';

export const item = pgTable('item', { id: integer().primaryKey(), available: integer().notNull() });

interface Options {
  readonly redis: Redis;
  readonly secret: string;
}

interface Reservation {
  readonly quantity: number;
}

const quantity = { type: 'integer', minimum: 1, maximum: 1_000 } as const;
const id = { type: 'integer', minimum: 1 } as const;
const schema = {
  params: { type: 'object', properties: { id }, required: ['id'] },
  body: { type: 'object', properties: { quantity }, required: ['quantity'] },
} as const;

/** The stock service. It ends its database with itself. */
export async function stockService(
  database: Database<'default'>,
  { redis, secret }: Options,
): Promise<FastifyInstance> {
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const available = createCache<number, number>(database, {
    name: 'available',
    store: new RedisStore({ client: redis, prefix: 'example:' }),
  });
  const app = fastify();
  await app.register(sluice(database, { secret, timeout: 30_000, shutdown: {} }));

  /** Adds to what is there, or takes from it. @returns whether there was enough */
  async function change(itemId: number, by: number): Promise<boolean> {
    const changed = await db
      .update(item)
      .set({ available: sql`${item.available} + ${by}` })
      .where(and(eq(item.id, itemId), gte(item.available, -by)))
      .returning();
    // For this transaction at once, for everybody else with its commit.
    await available.del(itemId);
    return changed.length > 0;
  }

  app.get<{ Params: { id: number } }>('/items/:id', { schema: { params: schema.params } }, async (request, reply) => {
    const { id: itemId } = request.params;
    const found = await available.getOrSet(itemId, async () => {
      const [row] = await db.select().from(item).where(eq(item.id, itemId));
      return row?.available ?? -1;
    });
    return found < 0 ? await reply.code(404).send({ error: 'no such item' }) : { id: itemId, available: found };
  });

  app.post<{ Params: { id: number }; Body: Reservation }>(
    '/items/:id/reservations',
    { schema, config: { transaction: true } },
    async (request, reply) => {
      const isReserved = await change(request.params.id, -request.body.quantity);
      return isReserved ? await reply.code(201).send({}) : await reply.code(409).send({ error: 'sold out' });
    },
  );

  app.post<{ Params: { id: number }; Body: Reservation }>(
    '/items/:id/returns',
    { schema, config: { transaction: true } },
    async (request) => {
      await change(request.params.id, request.body.quantity);
      return {};
    },
  );
  return app;
}
