// What users do with Prisma's queries, its clients and its events.
import pg from 'pg';
import type { ProductClient } from '../../support/prisma-client.ts';
import { rejection, signal, until } from '../../support/settled.ts';
import { type PrismaUsage, Refusal, refuse, shapeOf } from './prisma.ts';

const add = async (client: ProductClient, id: number, stock = 0): Promise<unknown> =>
  await client.product.create({ data: { id, stock } });
const patient = { timeout: 120_000, maxWait: 120_000 };

interface Query {
  readonly args: object;
  readonly query: (args: object) => PromiseLike<unknown>;
  readonly operation: string;
}

export const queries: readonly PrismaUsage[] = [
  {
    topic: 'extended and derived clients',
    name: 'an extension that wraps every operation, raw ones too, and one of its handles in a transaction',
    async run({ client }) {
      const seen: string[] = [];
      const watched = client.$extends({
        query: {
          async $allOperations({ args, query, operation }: Query) {
            seen.push(operation);
            return await query(args);
          },
        },
      });
      await add(watched, 1);
      await watched.$transaction(async (tx) => {
        await add(tx, 2);
        await tx.$executeRaw`update product set stock = 5 where id = ${2}`;
      }, patient);
      await watched.$transaction([watched.product.count(), watched.$queryRaw`select 1 as one`]);
      return [seen, await watched.product.findUnique({ where: { id: 2 } })];
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'a method of the client that opens a transaction, and one of the model that does',
    async run({ client }) {
      const extended = client.$extends({
        client: {
          async $twice(this: ProductClient, id: number) {
            return await this.$transaction(async (tx) => [await add(tx, id), await add(tx, id + 1)], patient);
          },
        },
        model: {
          product: {
            async restock(this: ProductClient['product'] & { $parent: ProductClient }, id: number) {
              const { $parent } = this;
              return await $parent.$transaction([
                $parent.product.update({ where: { id }, data: { stock: 9 } }),
                $parent.product.count(),
              ]);
            },
          },
        },
      }) as ProductClient & {
        $twice(id: number): Promise<unknown>;
        readonly product: { restock(id: number): Promise<unknown> };
      };
      return [await extended.$twice(1), await shapeOf(extended.$twice(2)), await extended.product.restock(2)];
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'a computed field and a method on results, in a transaction that is rolled back and after it',
    async run({ client }) {
      const extended = client.$extends({
        result: {
          product: {
            double: { needs: { stock: true }, compute: ({ stock }: { stock: number }) => stock * 2 },
            save: {
              needs: { id: true, stock: true },
              compute:
                ({ id, stock }: { id: number; stock: number }) =>
                async () =>
                  await client.product.update({ where: { id }, data: { stock } }),
            },
          },
        },
      });
      type Product = { double: number; stock: number; save(): Promise<{ stock: number }> };
      await add(client, 1, 3);
      const undone = rejection(
        extended.$transaction(async (tx) => {
          await tx.product.update({ where: { id: 1 }, data: { stock: 8 } });
          refuse();
        }, patient),
      );
      const failed = (await undone) instanceof Refusal;
      const product = (await extended.product.findUnique({ where: { id: 1 } })) as unknown as Product;
      return [failed, product.double, (await product.save()).stock];
    },
  },
  {
    topic: 'two clients in parallel',
    name: 'that write in the same moment, each in transactions of its own',
    async run({ client, another }) {
      const other = await another();
      const results = await Promise.all(
        [client, other].map(async (each, at) => {
          await add(each, at * 10 + 1);
          await each.$transaction(async (tx) => await add(tx, at * 10 + 2), patient);
          await each.$transaction([each.product.create({ data: { id: at * 10 + 3 } })]);
          const undone = each.$transaction(async (tx) => [await add(tx, at * 10 + 4), refuse()], patient);
          return (await rejection(undone)) instanceof Refusal;
        }),
      );
      return [results, await client.product.count(), await other.product.count()];
    },
  },
  {
    topic: 'implicit transactions',
    name: 'what is created with what belongs to it, one after the other and side by side',
    async run({ client }) {
      const create = async (id: number): Promise<unknown> =>
        await client.product.create({ data: { id, reviews: { create: [{ id: id * 10 }, { id: id * 10 + 1 }] } } });
      await create(1);
      await Promise.all([create(2), create(3), create(4)]);
      const upserted = await client.product.upsert({
        where: { id: 1 },
        create: { id: 1 },
        update: { stock: 4, reviews: { create: { id: 99 } } },
      });
      const reviews = await client.product.findUnique({ where: { id: 1 } }).reviews({ select: { id: true } });
      return [upserted, await client.product.createMany({ data: [{ id: 5 }, { id: 6 }] }), reviews];
    },
  },
  {
    topic: 'implicit transactions',
    name: 'what is created with what belongs to it, and fails half way',
    async run({ client }) {
      await add(client, 1);
      const create = (from: ProductClient): PromiseLike<unknown> =>
        from.product.create({ data: { id: 2, reviews: { create: [{ id: 20 }, { id: 20 }] } } });
      // In a transaction a statement that fails leaves it no other end.
      const failed = await shapeOf(client.$transaction(async (tx) => await create(tx), patient));
      const listed = await shapeOf(client.$transaction([create(client)]));
      return [failed, listed, await client.product.count()];
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'a transaction that takes longer than its timeout is rolled back then, however long its body takes',
    async run({ client }) {
      await add(client, 1, 1);
      const expired = signal();
      const done = signal();
      const outcome = shapeOf(
        client.$transaction(
          async (tx) => {
            await tx.product.update({ where: { id: 1 }, data: { stock: 7 } });
            const isOver = (): Promise<boolean> =>
              Promise.resolve(tx.product.count()).then(
                () => false,
                () => true,
              );
            await until('it has expired', isOver);
            expired.fire();
            await done.promise;
            await add(tx, 2);
          },
          { timeout: 300 },
        ),
      );
      await expired.promise;
      // What waits for the row, or for its turn, goes on.
      const after = await client.product.update({ where: { id: 1 }, data: { stock: { increment: 1 } } });
      done.fire();
      return [after, await outcome];
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'a list that takes longer than its timeout',
    async run({ client }) {
      const listed = client.$transaction(
        [
          client.product.create({ data: { id: 1 } }),
          client.$queryRaw`select pg_sleep(0.4)::text`,
          client.product.count(),
        ],
        { timeout: 100 },
      );
      const shape = await shapeOf(listed);
      await add(client, 2);
      return [shape, await client.product.count()];
    },
  },
  {
    topic: 'pessimistic locks',
    name: 'rows that are locked with for update, by the handle and beside it, until the end',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1) on conflict do nothing');
      const steal = (): Promise<unknown> =>
        server
          .sql('select id from product where id = 1 for update nowait')
          .catch((error: { code: unknown }) => error.code);
      const held = await client.$transaction(async (tx) => {
        const rows = await tx.$queryRaw`select id from product where id = 1 for update`;
        return [rows, await steal()];
      }, patient);
      const free = await steal();
      await add(client, 2);
      return [held, free];
    },
    inside: {
      on: 'Commit in an ambient transaction',
      why: 'they are held until the ambient transaction ends',
      sees: [[[{ id: 1 }], '55P03'], '55P03'],
    },
    keeps: [{ id: 1, stock: 0 }],
  },
  {
    topic: 'pessimistic locks',
    name: 'rows that somebody else has locked: nowait, and skip locked',
    async run({ client, server, another }) {
      await server.sql('insert into product (id) values (1), (2) on conflict do nothing');
      const letGo = await holdLock(server.url, 1);
      const other = await another();
      const seen = [
        await client.$transaction(
          async (tx) => await tx.$queryRaw`select id from product order by id for update skip locked`,
          patient,
        ),
        await shapeOf(
          other.$transaction(
            async (tx) => await tx.$queryRaw`select id from product where id = 1 for update nowait`,
            patient,
          ),
        ),
      ];
      await letGo();
      await add(client, 3);
      return seen;
    },
    keeps: [
      { id: 1, stock: 0 },
      { id: 2, stock: 0 },
    ],
  },
  {
    topic: 'hooks and events',
    name: 'the queries that a client tells of',
    async run({ client }) {
      const told: string[] = [];
      client.$on('query', ({ query }) => told.push(query));
      await add(client, 1);
      await client.$transaction(async (tx) => [await add(tx, 2), await tx.product.count()], patient);
      await client.$transaction([client.product.create({ data: { id: 3 } }), client.product.count()]);
      await rejection(client.$transaction(async (tx) => [await add(tx, 4), refuse()], patient));
      const kinds = told.map((text) => text.split(' ', 2).join(' '));
      return kinds;
    },
  },
  {
    topic: 'migrations',
    name: 'a table that is made and changed in transactions, of which one is rolled back',
    async run({ client }) {
      const make = client.$transaction(async (tx) => {
        await tx.$executeRawUnsafe('create table label (id int primary key)');
        await tx.$executeRawUnsafe('insert into label (id) values (1)');
        return await tx.$queryRawUnsafe('select id from label');
      }, patient);
      const seen = [await make];
      const undone = client.$transaction(async (tx) => {
        await tx.$executeRawUnsafe('alter table label add column text text');
        refuse();
      }, patient);
      seen.push((await rejection(undone)) instanceof Refusal, await client.$queryRawUnsafe('select * from label'));
      await client.$executeRawUnsafe('drop table label');
      await add(client, 1);
      return seen;
    },
  },
];

/** Holds the lock of a row on a connection of its own. */
async function holdLock(url: string, id: number): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  await holder.query('begin');
  await holder.query('select id from product where id = $1 for update', [id]);
  return () => holder.end();
}
