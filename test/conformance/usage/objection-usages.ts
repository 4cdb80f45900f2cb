// What users of Objection do with its models.
import { raw, transaction, type Transaction } from 'objection';
import { onMariadb } from './knex.ts';
import { errorOf, failed, type ObjectionUsage, type Shop } from './objection.ts';

const idsOf = async ({ Product }: Shop, trx?: Transaction): Promise<number[]> =>
  (await Product.query(trx).orderBy('id')).map(({ id }) => id);

const joins = 'all handles mean the ambient transaction; what is to be independent says so (docs/libraries.md)';

export const usages: readonly ObjectionUsage[] = [
  {
    topic: 'retries',
    name: 'a transaction that is tried with the next key while the one before is taken',
    async run({ client }) {
      await client.Product.query().insert({ id: 1 });
      const told: unknown[] = [];
      for (let id = 1; id < 4; id += 1) {
        const attempt = client.Product.transaction(async (trx) => {
          await client.Product.query(trx).insert({ id, stock: 5 });
          await client.Product.query(trx).findById(id).decrement('stock', 1);
          return id;
        });
        told.push(await errorOf(attempt));
        if (told.at(-1) === 'resolved') break;
      }
      return [told, await client.Product.query().findById(2)];
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'of many items the failing ones are skipped, by Model.transaction(trx) and trx.transaction()',
    async run({ client }) {
      const skipped: number[] = [];
      await client.Product.transaction(async (trx) => {
        for (let id = 1; id <= 20; id += 1) {
          const item = async (inner: Transaction): Promise<void> => {
            await client.Product.query(inner).insert({ id });
            if (id % 3 === 0) await client.Product.query(inner).insert({ id });
            if (id % 4 === 0) throw failed;
          };
          const nested = id % 2 === 0 ? client.Product.transaction(trx, item) : trx.transaction(item);
          if ((await errorOf(nested)) !== 'resolved') skipped.push(id);
        }
      });
      return [skipped, await idsOf(client)];
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'two in parallel of which one fails',
    async run({ client }) {
      return await client.Product.transaction(async (trx) => {
        const nested = (id: number, fails: boolean): Promise<unknown> =>
          errorOf(
            client.Product.transaction(trx, async (inner) => {
              await client.Product.query(inner).insert({ id });
              if (fails) throw failed;
            }),
          );
        const told = [await nested(1, true), await nested(2, false)];
        return [told, await idsOf(client, trx)];
      });
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'startTransaction: committed, rolled back, ended twice, and used after its end',
    async run({ client }) {
      const { Product } = client;
      const one = await Product.startTransaction();
      await Product.query(one).insert({ id: 1 });
      await one.commit();
      const two = await Product.startTransaction();
      await Product.query(two).insert({ id: 2 });
      await two.rollback();
      await two.executionPromise.catch(() => {});
      const after = await errorOf(Product.query(one).insert({ id: 3 }));
      return [one.isCompleted(), two.isCompleted(), after, await idsOf(client)];
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'try, catch and finally around a graph, with a nested one by hand',
    async run({ client }) {
      const { Product } = client;
      const trx = await Product.startTransaction();
      try {
        await Product.query(trx).insertGraph({ id: 1, parts: [{ name: 'lid' }] });
        const inner = await Product.startTransaction(trx);
        await Product.query(inner).insert({ id: 2 });
        await inner.rollback();
        await inner.executionPromise.catch(() => {});
        await trx.commit();
      } catch (error) {
        await trx.rollback();
        throw error;
      }
      return await Product.query()
        .withGraphFetched('parts(names)')
        .modifiers({ names: (parts) => void parts.select('name') });
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'a nested one that is committed, in one that is rolled back',
    async run({ client }) {
      const { Product } = client;
      await Product.query().insert({ id: 9 });
      const trx = await Product.startTransaction();
      const inner = await Product.startTransaction(trx);
      await Product.query(inner).insert({ id: 1 });
      await inner.commit();
      const seen = await idsOf(client, trx);
      await trx.rollback();
      await trx.executionPromise.catch(() => {});
      return [seen, await idsOf(client)];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'bound models: bindKnex from before, bindTransaction from inside, and after the end',
    async run({ client }) {
      const before = client.Product.bindKnex(client.knex);
      const told: unknown[] = [];
      let inside: typeof client.Product | undefined;
      await client.Product.transaction(async (trx) => {
        inside = client.Product.bindTransaction(trx);
        await inside.query().insert({ id: 1 });
        await inside.query().insertGraph({ id: 2, parts: [{ name: 'lid' }] });
        const loaded = await inside.query().findById(2).withGraphFetched('parts');
        told.push(loaded?.parts?.map(({ name }) => name));
        await loaded?.$query(trx).patch({ stock: 3 });
        await loaded?.$relatedQuery('parts', trx).insert({ name: 'box' } as never);
      });
      told.push(await errorOf(inside?.query().insert({ id: 3 }) ?? Promise.resolve()));
      await before.query().insert({ id: 4 });
      return [told, await client.Part.query().resultSize(), await idsOf(client)];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'transaction(Model, Model, fn), which gives models that are bound',
    async run({ client }) {
      const undone = await errorOf(
        transaction(client.Product, client.Part, async (Product, Part) => {
          await Product.query().insert({ id: 1 });
          await Part.query().insert({ name: 'lid', product_id: 1 });
          throw failed;
        }),
      );
      const done = await transaction(client.Product, client.Part, async (Product, Part) => {
        await Product.query().insert({ id: 2 });
        await Part.query().insert({ name: 'lid', product_id: 2 });
        return await Product.relatedQuery('parts').for(2).resultSize();
      });
      return [undone, done, await idsOf(client)];
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'a model that extends another and hides rows, in a transaction of its own',
    async run({ client }) {
      class InStock extends client.Product {
        static override query(
          ...args: Parameters<typeof client.Product.query>
        ): ReturnType<typeof client.Product.query> {
          return super.query(...args).onBuild((builder) => {
            if (builder.isFind()) void builder.where('stock', '>', 0);
          });
        }
      }
      const seen = await InStock.transaction(async (trx) => {
        await InStock.query(trx).insert({ id: 1, stock: 0 });
        await InStock.query(trx).insert({ id: 2, stock: 2 });
        return await InStock.query(trx).select('id');
      });
      return [seen, (await InStock.query()).length];
    },
  },
  {
    topic: 'two clients in parallel',
    name: 'each in a transaction, one after the other',
    async run({ client, another }) {
      const other = await another();
      await client.Product.transaction(async (trx) => await client.Product.query(trx).insert({ id: 1 }));
      await other.Product.transaction(async (trx) => await other.Product.query(trx).insert({ id: 2 }));
      const undone = await errorOf(
        other.Product.transaction(async (trx) => {
          await other.Product.query(trx).insert({ id: 3 });
          throw failed;
        }),
      );
      return [undone, await idsOf(client), await idsOf(other)];
    },
  },
  {
    topic: 'implicit transactions',
    name: 'insertGraph and upsertGraph, in a transaction and by themselves',
    async run({ client }) {
      const { Product } = client;
      await Product.query().insertGraph([{ id: 1, stock: 1, parts: [{ name: 'lid' }, { name: 'box' }] }, { id: 2 }]);
      const graph = await Product.query()
        .findById(1)
        .withGraphFetched('parts')
        .modifyGraph('parts', (parts) => {
          void parts.orderBy('name');
        });
      const [box] = graph?.parts ?? [];
      await Product.transaction(async (trx) => {
        await Product.query(trx).upsertGraph({
          id: 1,
          stock: 9,
          parts: [{ id: Number(box?.id), name: 'case' }, { name: 'key' }],
        });
      });
      const undone = await errorOf(
        Product.transaction(async (trx) => {
          await Product.query(trx).upsertGraph({ id: 1, parts: [] });
          await Product.query(trx).insertGraph({ id: 2, parts: [{ name: 'lid' }] });
        }),
      );
      const left = await Product.query().findById(1).withGraphFetched('parts');
      return [undone, left?.stock, left?.parts?.map(({ name }) => name).toSorted()];
    },
  },
  {
    topic: 'words for independence',
    name: 'a query without trx, and a transaction of the model, beside the transaction that then fails',
    async run({ client }) {
      await client.Product.query().insert({ id: 9 });
      const undone = await errorOf(
        client.Product.transaction(async (trx) => {
          await client.Product.query(trx).insert({ id: 1 });
          await client.Product.query().insert({ id: 2 });
          await client.Product.transaction(async (own) => await client.Product.query(own).insert({ id: 3 }));
          throw failed;
        }),
      );
      return [undone, await idsOf(client)];
    },
    inside: {
      on: 'Another handle during a transaction',
      why: joins,
      sees: ['failed', [9]],
      rows: [{ id: 9, stock: 0 }],
    },
    outside: {
      on: 'Another handle during a transaction',
      why: joins,
      sees: ['failed', [9]],
      rows: [{ id: 9, stock: 0 }],
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'timeout with cancel, in a nested transaction of one that goes on',
    async run({ client }) {
      const { Product } = client;
      return await Product.transaction(async (trx) => {
        await Product.query(trx).insert({ id: 1 });
        const slow = errorOf(
          Product.transaction(trx, async (inner) => {
            await Product.query(inner)
              .select(raw(onMariadb ? 'sleep(5)' : 'pg_sleep(5)'))
              .timeout(50, { cancel: true });
          }),
        );
        const told = (await slow) as { readonly class?: unknown };
        await Product.query(trx).insert({ id: 2 });
        return [told.class, await idsOf(client, trx)];
      });
    },
  },
  {
    topic: 'lazy results',
    name: 'a query that is built before, run twice inside, and one that is never run',
    async run({ client }) {
      const { Product } = client;
      const all = Product.query().select('id').orderBy('id');
      const seen: unknown[] = [];
      await Product.transaction(async (trx) => {
        await Product.query(trx).insert({ id: 1 });
        void Product.query(trx).insert({ id: 2 });
        seen.push(await all.clone().transacting(trx));
        await Product.query(trx).insert({ id: 3 });
        seen.push(await all.clone().transacting(trx));
      });
      seen.push(await all);
      return seen;
    },
  },
  {
    topic: 'pessimistic locks',
    name: 'forUpdate, and rows that others hold are skipped',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1), (2)');
      const { Product } = client;
      return await Product.transaction(async (trx) => {
        const held = await Product.query(trx).findById(1).forUpdate();
        const free = await server.sql('select id from product for update skip locked');
        const own = await Product.query(trx).select('id').orderBy('id').forUpdate().skipLocked();
        await Product.query(trx).findById(1).patch({ stock: 1 });
        return { held, free, own };
      });
    },
    keeps: [
      { id: 1, stock: 0 },
      { id: 2, stock: 0 },
    ],
  },
  {
    topic: 'hooks and events',
    name: 'afterInsert sees its own row by the transaction of its context, and its failure rolls back',
    async run({ client }) {
      const { Product, told } = client;
      told.length = 0;
      await Product.transaction(async (trx) => {
        await Product.query(trx).insert({ id: 1 });
        await Product.query(trx).findById(1).patch({ stock: 2 });
      });
      class Checked extends Product {
        override async $afterInsert(...args: Parameters<(typeof Product)['prototype']['$afterInsert']>): Promise<void> {
          await super.$afterInsert(...args);
          throw failed;
        }
      }
      const undone = await errorOf(Checked.transaction(async (trx) => await Checked.query(trx).insert({ id: 2 })));
      await Product.query().insert({ id: 3 });
      return [[...told], undone, await idsOf(client)];
    },
  },
  {
    topic: 'the shape of errors',
    name: 'UniqueViolationError, ForeignKeyViolationError, NotNullViolationError, DataError, NotFoundError and ValidationError',
    async run({ client }) {
      const { Product, Part } = client;
      await Product.query().insert({ id: 1 });
      const attempts: readonly ((trx: Transaction) => PromiseLike<unknown>)[] = [
        (trx) => Product.query(trx).insert({ id: 1 }),
        (trx) => Part.query(trx).insert({ name: 'lid', product_id: 7 }),
        (trx) => Part.query(trx).insert({ product_id: 1 }),
        (trx) => Product.query(trx).insert({ id: 3, stock: 'many' as never }),
        (trx) => Product.query(trx).insert({ id: 4, colour: 'red' } as never),
        (trx) => Product.query(trx).findById(77).throwIfNotFound(),
        (trx) => Product.query(trx).withGraphFetched('nothing'),
        (trx) => Product.query(trx).insertGraph({ nothing: [] } as never),
      ];
      const told: unknown[] = [];
      for (const attempt of attempts) told.push(await errorOf(Product.transaction(attempt as never)));
      return told;
    },
  },
  {
    topic: 'promises of commit',
    name: 'what others see when the transaction is told to be committed',
    async run({ client, server }) {
      const { Product } = client;
      const seen = async (): Promise<number> => (await server.sql('select id from product')).length;
      await Product.transaction(async (trx) => await Product.query(trx).insert({ id: 1 }));
      const told = [await seen()];
      const trx = await Product.startTransaction();
      await Product.query(trx).insert({ id: 2 });
      told.push(await seen());
      await trx.commit();
      told.push(await seen());
      return told;
    },
    inside: {
      on: 'Commit in an ambient transaction',
      why: 'others see it when the ambient transaction has committed',
      sees: [0, 0, 0],
    },
  },
];
