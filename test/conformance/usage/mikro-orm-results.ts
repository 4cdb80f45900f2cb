// What users see of MikroORM's queries: results that come later, and errors.
import { LockMode } from '@mikro-orm/postgresql';
import type { EntityManager } from '@mikro-orm/postgresql';
import { rejection } from '../../support/settled.ts';
import { type MikroUsage, Product, Refusal, refuse, Review, shapeOf } from './mikro-orm.ts';

export const results: readonly MikroUsage[] = [
  {
    topic: 'lazy results',
    name: 'query builders that are made first and awaited later, in a transaction and outside',
    async run({ client }) {
      const em = client.em.fork();
      const insert = em.createQueryBuilder(Product).insert({ id: 1, stock: 1 });
      const select = em.createQueryBuilder(Product).select('stock').where({ id: 1 });
      await insert.execute();
      const undone = rejection(
        em.transactional(async (inner) => {
          await (inner as EntityManager).createQueryBuilder(Product).update({ stock: 2 }).where({ id: 1 }).execute();
          refuse();
        }),
      );
      return [(await undone) instanceof Refusal, await select.execute()];
    },
  },
  {
    topic: 'lazy results',
    name: 'references and collections that are loaded in a transaction',
    async run({ client }) {
      const em = client.em.fork();
      em.create(Product, { id: 1, reviews: [{ id: 10 }, { id: 11 }] });
      await em.flush();
      return await client.em.fork().transactional(async (inner) => {
        await inner.nativeUpdate(Product, { id: 1 }, { stock: 6 });
        const review = await inner.findOneOrFail(Review, 10);
        const product = await review.product.loadOrFail();
        return [
          product.stock,
          (await product.reviews.loadItems()).map(({ id }) => id),
          await product.reviews.loadCount(),
        ];
      });
    },
  },
  {
    topic: 'lazy results',
    name: 'the Kysely and the connection of the entity manager',
    async run({ client }) {
      const em = client.em.fork();
      await em.getConnection().execute('insert into product (id) values (?)', [1]);
      await em.transactional(async (inner) => {
        const kysely = (inner as EntityManager).getKysely<{ product: { id: number } }>();
        await kysely.insertInto('product').values({ id: 2 }).execute();
        await (inner as EntityManager).execute('insert into product (id) values (3)');
      });
      const undone = em.transactional(async (inner) => {
        await (inner as EntityManager)
          .getKysely<{ product: { id: number } }>()
          .insertInto('product')
          .values({ id: 4 })
          .execute();
        refuse();
      });
      return [(await rejection(undone)) instanceof Refusal, await em.execute('select count(*)::int as n from product')];
    },
  },
  {
    topic: 'the shape of errors',
    name: 'of the server and of MikroORM, each with what its user looks at',
    async run({ client }) {
      await client.em.fork().insert(Product, { id: 1 });
      const failing: ((em: EntityManager) => Promise<unknown>)[] = [
        (em) => em.insert(Product, { id: 1 }),
        (em) => em.insert(Review, { id: 1, product: 77 }),
        (em) => em.findOneOrFail(Product, 77),
        (em) => em.execute('select 1 / 0'),
        (em) => em.getConnection().execute('selec 1'),
        (em) => em.getKysely<{ label: { id: number } }>().selectFrom('label').selectAll().execute(),
        (em) => em.find(Product, { stock: 'many' } as never),
        (em) => em.nativeUpdate(Product, { id: 1 }, { nonsense: 1 } as never),
      ];
      const seen: unknown[] = [];
      for (const fail of failing) {
        seen.push(await shapeOf(client.em.fork().transactional((em) => fail(em as EntityManager))));
      }
      return [seen, await client.em.fork().count(Product)];
    },
  },
  {
    topic: 'the shape of errors',
    name: 'of nonsense',
    async run({ client }) {
      await client.em.fork().insert(Product, { id: 1 });
      const em = client.em.fork();
      const nonsense: (() => Promise<unknown>)[] = [
        () => em.transactional(undefined as never),
        () => em.transactional(() => 1),
        () => em.transactional(() => Promise.resolve(1), { propagation: 'sometimes' as never }),
        () => em.transactional(() => Promise.resolve(1), null as never),
        () => em.transactional(() => Promise.resolve(1), { nonsense: true } as never),
        () => em.fork({ nonsense: true } as never).count(Product),
        () => em.lock({} as never, LockMode.NONE),
        () => em.find('Nothing' as never, {}),
      ];
      const seen: unknown[] = [];
      for (const run of nonsense) {
        const outcome = Promise.resolve()
          .then(run)
          .then(
            (value) => ({ value }),
            ({ name, message }: Error) => ({ name, message: message.slice(0, 60) }),
          );
        seen.push(await outcome);
      }
      return seen;
    },
  },
];
