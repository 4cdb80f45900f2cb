// What users do with MikroORM's transactions.
import { IsolationLevel, type MikroORM } from '@mikro-orm/postgresql';
import type { EntityManager } from '@mikro-orm/postgresql';
import { rejection } from '../../support/settled.ts';
import { type MikroUsage, Product, Refusal, refuse, shapeOf } from './mikro-orm.ts';

const add = (em: EntityManager, id: number, stock = 0): void => {
  em.create(Product, { id, stock });
};
/** Adds one in a transaction of MikroORM. */
const addIn = (em: EntityManager, id: number): Promise<void> => em.transactional((inner) => add(inner, id));
const count = (orm: MikroORM): Promise<number> => orm.em.fork().count(Product);
const failed = async (promise: Promise<unknown>): Promise<boolean> => (await rejection(promise)) instanceof Refusal;

export const transactions: readonly MikroUsage[] = [
  {
    topic: 'retries',
    name: 'again for a serialization failure, with a fork for each attempt',
    async run({ client, server }) {
      await server.sql('insert into product (id, stock) values (1, 1) on conflict do nothing');
      const seen: unknown[] = [];
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        const increment = async (em: EntityManager): Promise<number> => {
          const product = await em.findOneOrFail(Product, 1);
          // Somebody else is faster, once.
          if (attempt === 1) await server.sql('update product set stock = stock + 10 where id = 1');
          return (product.stock += 1);
        };
        try {
          seen.push(
            await client.em
              .fork()
              .transactional((em) => increment(em), { isolationLevel: IsolationLevel.SERIALIZABLE }),
          );
          break;
        } catch (error) {
          const { code } = error as { code?: unknown };
          seen.push(code);
          if (code !== '40001') break;
        }
      }
      await addIn(client.em.fork(), 2);
      return seen;
    },
    inside: {
      on: 'Isolation level in an ambient transaction',
      why: 'a level is that of the whole transaction, which has to give it and is what can be repeated',
      sees: ['INCOMPATIBLE_TRANSACTION'],
      rows: [
        { id: 1, stock: 1 },
        { id: 2, stock: 0 },
      ],
    },
    keeps: [{ id: 1, stock: 1 }],
  },
  {
    topic: 'nested transactions that fail',
    name: 'flushes that fail in what nests, 20 times, each caught there',
    run: ({ client }) =>
      client.em.fork().transactional(async (em) => {
        add(em, 1);
        await em.flush();
        const seen: unknown[] = [];
        for (let id = 2; id <= 21; id += 1) {
          const nested = em.transactional(async (inner) => {
            add(inner, id);
            await inner.flush();
            if (id % 2 === 0) await inner.insert(Product, { id: 1 });
          });
          if (id === 2) seen.push(await shapeOf(nested));
          else
            seen.push(
              await nested.then(
                () => id,
                () => 0,
              ),
            );
        }
        seen.push(await em.count(Product));
        return seen;
      }),
  },
  {
    topic: 'nested transactions that fail',
    name: 'three deep, of which the second fails, and the identity maps after it',
    run: ({ client }) =>
      client.em.fork().transactional(async (outer) => {
        const product = outer.create(Product, { id: 1, stock: 1 });
        await outer.flush();
        const middle = outer.transactional(async (em) => {
          const same = await em.findOneOrFail(Product, 1);
          same.stock = 5;
          await em.transactional((inner) => add(inner, 2));
          await em.flush();
          refuse();
        });
        const seen: unknown[] = [await failed(middle)];
        seen.push(
          product.stock,
          await outer
            .fork({ keepTransactionContext: true })
            .find(Product, {})
            .then((all) => all.map(({ id, stock }) => [id, stock])),
        );
        await outer.refresh(product);
        seen.push(product.stock);
        return seen;
      }),
  },
  {
    topic: 'nested transactions that fail',
    name: 'a flush that fails in a transaction of its own, and what the same entity manager does then',
    async run({ client }) {
      await addIn(client.em.fork(), 1);
      const em = client.em.fork();
      const seen: unknown[] = [];
      seen.push(
        await shapeOf(
          em.transactional(async (inner) => {
            add(inner, 1);
            await inner.flush();
          }),
        ),
      );
      em.clear();
      await addIn(em, 2);
      seen.push(await em.count(Product));
      return seen;
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'begin, commit and rollback of one entity manager, one after the other',
    async run({ client }) {
      const em = client.em.fork();
      await em.begin();
      add(em, 1);
      const within = em.isInTransaction();
      await em.commit();
      await em.begin();
      add(em, 2);
      await em.flush();
      await em.rollback();
      em.clear();
      await em.begin({ isolationLevel: IsolationLevel.READ_COMMITTED });
      await em.insert(Product, { id: 3 });
      const own = await em.count(Product);
      await em.commit();
      return [within, own, await count(client)];
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'ended twice, or without a beginning',
    async run({ client }) {
      const em = client.em.fork();
      const seen = [await shapeOf(em.commit()), await shapeOf(em.rollback())];
      await em.begin();
      add(em, 1);
      await em.commit();
      seen.push(await shapeOf(em.commit()), await shapeOf(em.rollback()));
      await em.begin();
      add(em, 2);
      await em.rollback();
      seen.push(await shapeOf(em.rollback()));
      return seen;
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'rolled back after a statement failed, and one that nests in it by its context',
    async run({ client }) {
      await addIn(client.em.fork(), 1);
      const em = client.em.fork();
      await em.begin();
      const failure = await shapeOf(em.insert(Product, { id: 1 }));
      await em.rollback();
      await em.begin();
      await em.insert(Product, { id: 2 });
      const nested = em.fork({ keepTransactionContext: true });
      await nested.begin({ ctx: em.getTransactionContext() });
      await nested.insert(Product, { id: 3 });
      await nested.rollback();
      await em.insert(Product, { id: 4 });
      await em.commit();
      return [failure, await count(client)];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'an entity manager, a repository and an entity from before',
    async run({ client }) {
      const em = client.em.fork();
      const repository = em.getRepository(Product);
      const product = em.create(Product, { id: 1, stock: 1 });
      await em.flush();
      const seen: unknown[] = [];
      await em.transactional(async (inner) => {
        const same = await inner.findOneOrFail(Product, 1);
        same.stock += 1;
        repository.create({ id: 2 });
        await repository.getEntityManager().flush();
        seen.push(await repository.count(), inner.isInTransaction(), inner === em);
      });
      seen.push(
        product.stock,
        await repository.findAll({ orderBy: { id: 'asc' } }).then((all) => all.map(({ id }) => id)),
      );
      return seen;
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'an entity manager that is kept after its transaction',
    async run({ client }) {
      let kept: EntityManager | undefined;
      await client.em.fork().transactional((em) => {
        kept = em;
        add(kept, 1);
      });
      const seen: unknown[] = [kept?.isInTransaction()];
      seen.push(await kept?.count(Product).catch(({ name, message }: Error) => [name, message.slice(0, 60)]));
      return seen;
    },
  },
  {
    topic: 'words for independence',
    name: 'a fork beside the entity manager of a transaction that fails',
    async run({ client }) {
      const undone = client.em.fork().transactional(async (em) => {
        add(em, 1);
        await em.flush();
        await addIn(client.em.fork(), 2);
        refuse();
      });
      const seen = await failed(undone);
      await addIn(client.em.fork(), 3);
      return [seen, await count(client)];
    },
    outside: {
      on: 'Another handle during a transaction',
      why: 'services need not hand the transaction around',
      sees: [true, 1],
      rows: [{ id: 3, stock: 0 }],
    },
    inside: {
      on: 'Another handle during a transaction',
      why: 'services need not hand the transaction around',
      sees: [true, 1],
      rows: [{ id: 3, stock: 0 }],
    },
  },
  {
    topic: 'words for independence',
    name: 'requires_new and not_supported beside a transaction that fails',
    async run({ client }) {
      const undone = client.em.fork().transactional(async (em) => {
        add(em, 1);
        await em.flush();
        await em.transactional((inner) => add(inner, 2), { propagation: 'requires_new' });
        await em.transactional((inner) => add(inner, 3), { propagation: 'not_supported' });
        refuse();
      });
      const seen = await failed(undone);
      await addIn(client.em.fork(), 4);
      return [seen, await count(client)];
    },
    keeps: [
      { id: 2, stock: 0 },
      { id: 3, stock: 0 },
    ],
  },
  {
    topic: 'promises of commit',
    name: 'others see the rows when the call has resolved, and not before',
    async run({ client, server }) {
      const seen: unknown[] = [];
      await client.em.fork().transactional(async (em) => {
        add(em, 1);
        await em.flush();
        seen.push(await server.products());
      });
      seen.push(await server.products());
      const em = client.em.fork();
      await em.begin();
      add(em, 2);
      await em.commit();
      seen.push(await server.products());
      add(em, 3);
      await em.flush();
      seen.push(await server.products());
      return seen;
    },
    inside: {
      on: 'Commit in an ambient transaction',
      why: 'it commits with the ambient transaction',
      sees: [[], [], [], []],
    },
  },
  {
    topic: 'promises of commit',
    name: 'a rollback has freed the rows when the call has rejected',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1), (2) on conflict do nothing');
      const em = client.em.fork();
      const undone = await failed(
        em.transactional(async (inner) => {
          await inner.nativeUpdate(Product, { id: 1 }, { stock: 7 });
          refuse();
        }),
      );
      const free = await server.sql('select id from product order by id for update nowait');
      await em.begin();
      await em.nativeDelete(Product, { id: 2 });
      await em.rollback();
      const after = await server.sql('select id from product order by id for update nowait');
      await addIn(client.em.fork(), 3);
      return [undone, free, after];
    },
    keeps: [
      { id: 1, stock: 0 },
      { id: 2, stock: 0 },
    ],
  },
  {
    topic: 'promises of commit',
    name: 'a function that returns although one of its statements has failed',
    async run({ client }) {
      const twice = async (em: EntityManager): Promise<string> => {
        await em.insert(Product, { id: 1 });
        await shapeOf(em.insert(Product, { id: 1 }));
        return 'returned';
      };
      const tell = ({ code, name }: Error & { code?: unknown }): unknown => code ?? name;
      const answers = [await client.em.fork().transactional(twice).catch(tell)];
      const em = client.em.fork();
      await em.begin();
      await twice(em);
      answers.push(await em.commit().then(() => 'committed', tell));
      if (em.isInTransaction()) await em.rollback();
      await client.em.fork().insert(Product, { id: 2 });
      return [answers, await count(client)];
    },
    outside: {
      on: 'A failed statement whose error is caught',
      why: 'the server has rolled back',
      sees: [['UNEXPECTED_ROLLBACK', 'AbortedTransactionError'], 1],
    },
    inside: {
      on: 'A failed statement whose error is caught',
      why: 'the server has rolled back',
      sees: [['UNEXPECTED_ROLLBACK', 'UNEXPECTED_ROLLBACK'], 1],
    },
  },
];
