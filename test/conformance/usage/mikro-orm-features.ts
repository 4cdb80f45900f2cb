// What users do with MikroORM's entity managers, queries and events.
import { type EventSubscriber, RequestContext } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { LockMode, raw } from '@mikro-orm/postgresql';
import pg from 'pg';
import { rejection } from '../../support/settled.ts';
import { type MikroUsage, Product, Refusal, refuse, Review, shapeOf } from './mikro-orm.ts';

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'fulfilled',
    ({ name, code }: Error & { code?: unknown }) => [name, code],
  );

export const features: readonly MikroUsage[] = [
  {
    topic: 'extended and derived clients',
    name: 'the context of a request, in which the global entity manager is its own',
    async run({ client }) {
      const inRequest = (id: number): Promise<unknown> =>
        RequestContext.create(client.em, async () => {
          client.em.create(Product, { id });
          const first = await client.em.transactional(async (em) => {
            const product = await em.findOneOrFail(Product, id);
            product.stock = id;
            return em === client.em;
          });
          return [
            first,
            (await client.em.findOneOrFail(Product, id)).stock,
            await client.em.getConnection().isConnected(),
          ];
        });
      return [await inRequest(1), await Promise.all([inRequest(2), inRequest(3)])];
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'forks that keep the transaction, and one that is cleared',
    run: ({ client }) =>
      client.em.fork().transactional(async (em) => {
        em.create(Product, { id: 1 });
        await em.flush();
        const fork = em.fork({ keepTransactionContext: true });
        const clear = em.fork({ clear: true, keepTransactionContext: true });
        fork.create(Product, { id: 2 });
        await fork.flush();
        const cleared = await clear.findOne(Product, 1, { disableIdentityMap: true });
        return [await fork.count(Product), cleared?.stock, fork.isInTransaction(), clear.isInTransaction()];
      }),
  },
  {
    topic: 'two clients in parallel',
    name: 'that write in the same moment, each in transactions of its own',
    async run({ client, another }) {
      const other = await another();
      const results = await Promise.all(
        [client, other].map(async (orm, at) => {
          const em = orm.em.fork();
          em.create(Product, { id: at * 10 + 1 });
          await em.flush();
          await orm.em.fork().transactional((inner) => void inner.create(Product, { id: at * 10 + 2 }));
          const undone = orm.em.fork().transactional(async (inner) => {
            await inner.insert(Product, { id: at * 10 + 3 });
            refuse();
          });
          return (await rejection(undone)) instanceof Refusal;
        }),
      );
      return [results, await client.em.fork().count(Product), await other.em.fork().count(Product)];
    },
  },
  {
    topic: 'implicit transactions',
    name: 'a flush of what belongs together, changed and removed, and what is written at once',
    async run({ client }) {
      const em = client.em.fork();
      const product = em.create(Product, { id: 1, reviews: [{ id: 10 }, { id: 11 }] });
      em.create(Product, { id: 2 });
      await em.flush();
      product.stock = 3;
      em.remove(product.reviews[0] ?? product);
      await em.flush();
      await em.insertMany(Product, [{ id: 3 }, { id: 4 }]);
      await em.upsertMany(Product, [
        { id: 4, stock: 4 },
        { id: 5, stock: 5 },
      ]);
      await em.nativeUpdate(Product, { id: 2 }, { name: raw("concat(name, 'x')") });
      const all = await em.fork().findAll(Product, { orderBy: { id: 1 } });
      return [await em.fork().count(Review), all.map(({ id, stock, name }) => [id, stock, name])];
    },
  },
  {
    topic: 'implicit transactions',
    name: 'a flush that fails half way is undone as one, where it has a transaction of its own',
    async run({ client }) {
      await client.em.fork().insert(Product, { id: 1 });
      const flush = async (em: EntityManager): Promise<void> => {
        em.create(Product, { id: 2 });
        em.create(Review, { id: 1, product: 77 });
        await em.flush();
      };
      const undone = await shapeOf(client.em.fork().transactional((em) => flush(em as EntityManager)));
      return [undone, await client.em.fork().count(Product), await client.em.fork().count(Review)];
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'the signal of a transaction, of a fork and of a query',
    async run({ client }) {
      await client.em.fork().insert(Product, { id: 1 });
      const soon = (): AbortSignal => AbortSignal.timeout(50);
      const sleep = (em: EntityManager): Promise<unknown> => em.execute('select pg_sleep(5)');
      const aborted = AbortSignal.abort();
      const seen = [
        await codeOf(
          client.em.fork().transactional((em) => sleep(em as EntityManager), {
            signal: soon(),
            inflightQueryAbortStrategy: 'cancel query',
          }),
        ),
        await codeOf(client.em.fork().transactional(async (em) => await em.find(Product, {}), { signal: aborted })),
        await codeOf(client.em.fork().transactional(async (em) => await em.find(Product, {}, { signal: aborted }))),
        await codeOf(client.em.fork({ signal: aborted }).find(Product, {})),
      ];
      await client.em.fork().insert(Product, { id: 2 });
      return seen;
    },
  },
  {
    topic: 'streams and cursors',
    name: 'entities one after the other, in a transaction and outside, and a stream that is left early',
    async run({ client }) {
      await client.em.fork().insertMany(
        Product,
        [1, 2, 3, 4, 5].map((id) => ({ id })),
      );
      const seen: number[] = [];
      await client.em.fork().transactional(async (em) => {
        for await (const { id } of em.stream(Product, { orderBy: { id: 'asc' }, chunkSize: 2 })) {
          seen.push(id);
        }
        for await (const { id } of em.stream(Product, { orderBy: { id: 'desc' }, chunkSize: 2 })) {
          seen.push(id);
          break;
        }
        await em.insert(Product, { id: 6 });
      });
      for await (const { id } of client.em.fork().stream(Product, { orderBy: { id: 'asc' } })) seen.push(id);
      return seen;
    },
  },
  {
    topic: 'pessimistic locks',
    name: 'rows that somebody else has locked, with each mode that does not wait',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1), (2) on conflict do nothing');
      const holder = new pg.Client({ connectionString: server.url });
      await holder.connect();
      await holder.query('begin; select id from product where id = 1 for update');
      const lock = (lockMode: Exclude<LockMode, LockMode.OPTIMISTIC>): Promise<unknown> =>
        client.em
          .fork()
          .transactional(async (em) =>
            (await em.find(Product, {}, { lockMode, orderBy: { id: 1 } })).map(({ id }) => id),
          )
          .catch(({ name, code }: Error & { code: unknown }) => [name, code]);
      const seen = [
        await lock(LockMode.PESSIMISTIC_PARTIAL_WRITE),
        await lock(LockMode.PESSIMISTIC_PARTIAL_READ),
        await lock(LockMode.PESSIMISTIC_WRITE_OR_FAIL),
        await lock(LockMode.PESSIMISTIC_READ_OR_FAIL),
        await lock(LockMode.NONE),
      ];
      await holder.end();
      await client.em.fork().insert(Product, { id: 3 });
      return seen;
    },
    keeps: [
      { id: 1, stock: 0 },
      { id: 2, stock: 0 },
    ],
  },
  {
    topic: 'pessimistic locks',
    name: 'optimistic ones: a version that has gone on',
    async run({ client }) {
      const em = client.em.fork();
      em.create(Product, { id: 1, reviews: [{ id: 10 }] });
      await em.flush();
      const [one, two] = [client.em.fork(), client.em.fork()];
      const first = await one.findOneOrFail(Review, 10);
      const second = await two.findOneOrFail(Review, 10);
      const locked = await two.lock(second, LockMode.OPTIMISTIC, 1).then(() => second.version);
      await one.nativeUpdate(Review, { id: 10 }, { version: 2 });
      const stale = await codeOf(
        client.em.fork().findOneOrFail(Review, 10, { lockMode: LockMode.OPTIMISTIC, lockVersion: 1 }),
      );
      return [locked, stale, first.version];
    },
  },
  {
    topic: 'hooks and events',
    name: 'subscribers of entities, flushes and transactions, and what they write',
    async run({ another }) {
      const client = await another();
      const told: string[] = [];
      const note = (event: string) => (): void => void told.push(event);
      const subscriber: EventSubscriber = {
        beforeTransactionStart: note('beforeTransactionStart'),
        afterTransactionStart: note('afterTransactionStart'),
        beforeTransactionCommit: note('beforeTransactionCommit'),
        afterTransactionCommit: note('afterTransactionCommit'),
        beforeTransactionRollback: note('beforeTransactionRollback'),
        afterTransactionRollback: note('afterTransactionRollback'),
        async afterCreate({ em, entity }) {
          told.push('afterCreate');
          const { id } = entity as { id: number };
          if (id < 100) await em.insert(Product, { id: id + 100 });
        },
        onFlush: () => void told.push('onFlush'),
        afterFlush: () => void told.push('afterFlush'),
      };
      client.em.getEventManager().registerSubscriber(subscriber);
      await client.em.fork().transactional((em) => void em.create(Product, { id: 1 }));
      const undone = client.em.fork().transactional(async (em) => {
        await em.transactional((inner) => void inner.create(Product, { id: 2 }));
        refuse();
      });
      await rejection(undone);
      return [told, await client.em.fork().count(Product)];
    },
  },
  {
    topic: 'migrations',
    name: 'the schema generator: what is missing is made, and what is there is left',
    async run({ client }) {
      await client.em.fork().insert(Product, { id: 1 });
      await client.em.fork().transactional(async (em) => {
        await (em as EntityManager).execute('create table label (id int primary key)');
        await (em as EntityManager).execute('insert into label (id) values (1)');
      });
      const undone = client.em.fork().transactional(async (em) => {
        await (em as EntityManager).execute('alter table label add column text text');
        refuse();
      });
      const failed = (await rejection(undone)) instanceof Refusal;
      const labels = await client.em.fork().execute('select * from label');
      await client.schema.execute('drop table label; create table label (id int); drop table label');
      const sql = await client.schema.getUpdateSchemaSQL({ safe: true });
      return [failed, labels, sql, await client.em.fork().count(Product)];
    },
  },
];
