// Contexts of MikroORM's transactions that users hand around.
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { type MikroUsage, Product, refuse, shapeOf } from './mikro-orm.ts';
import { queueHere } from './suite.ts';

const insert = (em: EntityManager, id: number): Promise<unknown> => em.insert(Product, { id, stock: 0 });
const insertIn = (em: EntityManager, id: number): Promise<unknown> => em.transactional((inner) => insert(inner, id));
type Ctx = Parameters<ReturnType<EntityManager['getConnection']>['commit']>[0];

const ids = async (client: MikroORM): Promise<readonly number[]> =>
  (await client.em.fork().find(Product, {}, { orderBy: { id: 'asc' } })).map(({ id }) => id);

export const handles: readonly MikroUsage[] = [
  {
    topic: 'handles from before and from inside',
    name: 'what a queue runs that was there before the transaction',
    async run({ client }) {
      const queue = queueHere();
      const undone = client.em.fork().transactional(async (em) => {
        await insert(em, 1);
        await queue(() => insert(em, 2));
        await queue(() => insertIn(em, 3));
        refuse();
      });
      const failure = await shapeOf(undone);
      await client.em.fork().transactional(async (em) => {
        await insert(em, 4);
        const inner = em.transactional(async (second) => {
          await insert(second, 5);
          await queue(() => insertIn(second, 6));
          refuse();
        });
        await shapeOf(inner);
        await queue(() => insertIn(em, 7));
      });
      return [failure, await ids(client)];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'transactions of the connection that nest by their context, where a queue runs them and where they are begun',
    async run({ client }) {
      const queue = queueHere();
      const connection = client.em.getConnection();
      const add = (ctx: Ctx, id: number): Promise<unknown> =>
        connection.transactional(
          (inner) => connection.execute('insert into product (id, stock) values (?, 0)', [id], 'run', inner),
          { ctx },
        );
      const undone = connection.transactional(async (ctx) => {
        await add(ctx, 1);
        await queue(() => add(ctx, 2));
        refuse();
      });
      const failure = await shapeOf(undone);
      await connection.transactional(async (ctx) => {
        await add(ctx, 3);
        const inner = connection.transactional(
          async (second) => {
            await queue(() => add(second, 4));
            refuse();
          },
          { ctx },
        );
        await shapeOf(inner);
      });
      return [failure, await ids(client)];
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'transactions that nest in one that was begun by hand, here and where a queue runs them',
    async run({ client }) {
      const queue = queueHere();
      const em = client.em.fork();
      await em.begin();
      await insert(em, 1);
      await insertIn(em, 2);
      await queue(() => insertIn(em, 3));
      await em.rollback();
      await em.begin();
      await insertIn(em, 4);
      await queue(() => insertIn(em, 5));
      await em.commit();
      return await ids(client);
    },
  },
];
