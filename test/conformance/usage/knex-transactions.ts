// Transactions of Knex in functions: repeated, nested, derived, beside each other.
import type { Knex } from 'knex';
import { ids, insert, joined, type KnexUsage, outcomeOf } from './knex.ts';
import { failureOf, queueHere } from './suite.ts';

const repeatable = new Set<unknown>(['40001', '40P01', 'ER_LOCK_DEADLOCK', 'ER_CHECKREAD']);

/** As programs repeat a transaction by themselves. */
async function repeated(knex: Knex, body: (trx: Knex.Transaction) => Promise<unknown>): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await knex.transaction(body, { isolationLevel: 'serializable' });
    } catch (error) {
      if (attempt === 60 || !repeatable.has((error as { code?: unknown }).code)) throw error;
    }
  }
}

async function increment(handle: Knex, id: number): Promise<void> {
  const { stock } = (await handle('product').where({ id }).first<{ stock: number } | undefined>('stock')) ?? {};
  await handle('product')
    .where({ id })
    .update({ stock: (stock ?? 0) + 1 });
}

const hasEnded = {
  on: 'After `trx.commit()` in the function',
  why: 'the function is still in the scope, which has ended',
  sees: ['TRANSACTION_ENDED', [1, 3]],
  rows: [1, 3].map((id) => ({ id, stock: 0 })),
};

export const transactions: readonly KnexUsage[] = [
  {
    topic: 'retries',
    name: 'serializable transactions side by side, each repeated by its program',
    async run({ client }) {
      const work = async (): Promise<unknown> => {
        await repeated(client, (trx) => insert(trx, 1));
        await Promise.all(Array.from({ length: 8 }, () => repeated(client, (trx) => increment(trx, 1))));
        return await client('product').pluck<number[]>('stock');
      };
      return await work().catch((error: unknown) => (error as { code: unknown }).code);
    },
    inside: {
      on: 'Isolation level in an ambient transaction',
      why: 'a savepoint is as isolated as its transaction, which says so where it begins',
      sees: 'INCOMPATIBLE_TRANSACTION',
      rows: [],
    },
  },
  {
    topic: 'retries',
    name: 'an insert that becomes an update where somebody was first, in a transaction of all',
    async run({ client }) {
      return await client.transaction(async (trx) => {
        const put = async (id: number): Promise<string> => {
          try {
            await trx.transaction((inner) => insert(inner, id, 1));
            return 'inserted';
          } catch {
            await trx.transaction((inner) => increment(inner, id));
            return 'updated';
          }
        };
        const done = await Promise.all([put(1), put(2), put(1)]);
        return [...done, await put(2), await put(1)];
      });
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'fifty items in a transaction, each in one of its own, of which every third fails',
    async run({ client }) {
      const failures = new Set<string>();
      await client.transaction(async (trx) => {
        for (let item = 0; item < 50; item++) {
          const run = trx.transaction(async (inner) => {
            await insert(inner, item);
            if (item % 3 === 1) await insert(inner, 0);
            if (item % 3 === 2) throw new RangeError('out of stock');
          });
          if (item % 3 > 0) failures.add(JSON.stringify(await failureOf(run)));
          else await run;
        }
      });
      return [...failures];
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'fifty transactions one after the other, which fail or are rolled back by their function',
    async run({ client }) {
      const outcomes: string[] = [];
      for (let item = 0; item < 50; item++) {
        const run = client.transaction(async (trx) => {
          await insert(trx, item);
          if (item % 4 === 1) await insert(trx, 0);
          if (item % 4 === 2) await trx.rollback(new RangeError('out of stock'));
          if (item % 4 === 3) await trx.rollback();
        });
        outcomes.push(await outcomeOf(run));
      }
      return outcomes;
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'savepoints three deep, of which the second fails after the third has succeeded',
    async run({ client }) {
      return await client.transaction(async (first) => {
        await insert(first, 1);
        const failure = await failureOf(
          first.savepoint(async (second) => {
            await insert(second, 2);
            await second.savepoint((third) => insert(third, 3));
            await insert(second, 1);
          }),
        );
        const again = await first.savepoint(async (second) => {
          await insert(second, 4);
          return await outcomeOf(second.savepoint((third) => insert(third, 4)));
        });
        return [failure, again, await ids(first)];
      });
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'siblings at once, of which half fail',
    async run({ client }) {
      return await client.transaction(async (trx) => {
        const running = Array.from({ length: 10 }, (_, item) =>
          trx.transaction(async (inner) => {
            await insert(inner, item);
            await inner.transaction((innermost) => insert(innermost, 100 + item));
            if (item % 2 === 1) throw new RangeError('out of stock');
            return item;
          }),
        );
        const outcomes = await Promise.all(running.map((one) => outcomeOf(one)));
        return [outcomes, await ids(trx)];
      });
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'builders and raw queries that were made before the transaction, and given it',
    async run({ client }) {
      const builder = client('product').insert({ id: 1 });
      const raw = client.raw('insert into product (id) values (?)', [2]);
      const subquery = client('product').max('id');
      return await client.transaction(async (trx) => {
        await builder.transacting(trx);
        await raw.transacting(trx);
        await trx('product').insert({ id: 3 });
        const last = await trx('product').where('id', subquery).pluck<number[]>('id');
        return [last, await ids(trx)];
      });
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'what a queue runs that was there before the transaction',
    async run({ client }) {
      const queue = queueHere();
      const undone = client.transaction(async (trx) => {
        await insert(trx, 1);
        await queue(() => trx.transaction((inner) => insert(inner, 2)));
        throw new RangeError('sold out');
      });
      const outcome = await outcomeOf(undone);
      await client.transaction(async (trx) => {
        await insert(trx, 3);
        await queue(() => trx.transaction((inner) => insert(inner, 4)));
      });
      return [outcome, await ids(client)];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'a handle of a transaction that is used after its end, and what was built with it',
    async run({ client }) {
      const { trx, builder } = await client.transaction(async (inner) => {
        await insert(inner, 1);
        return { trx: inner, builder: [inner('product').insert({ id: 2 })] };
      });
      const late = [
        await outcomeOf(trx('product').insert({ id: 3 })),
        await outcomeOf(builder[0]),
        await outcomeOf(trx.raw('select 1')),
        await outcomeOf(trx.transaction((inner) => insert(inner, 4))),
        trx.isCompleted(),
      ];
      await insert(client, 5);
      return [...late, await ids(client)];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'what a function does by another handle when it has committed',
    async run({ client }) {
      const told = Promise.withResolvers<string>();
      await client.transaction(async (trx) => {
        await insert(trx, 1);
        await trx.commit();
        told.resolve(await outcomeOf(insert(client, 2)));
      });
      const late = await told.promise;
      await insert(client, 3);
      return [late, await ids(client)];
    },
    inside: hasEnded,
    outside: hasEnded,
  },
  {
    topic: 'extended and derived clients',
    name: 'a copy with parameters of its own, in whose transaction all others are',
    async run({ client }) {
      const copy = client.withUserParams({ tenant: 7 });
      const failure = await failureOf(
        copy.transaction(async (trx) => {
          await insert(trx, 1);
          await trx.transaction((inner) => insert(inner, 2));
          throw new RangeError(String(trx.userParams['tenant']));
        }),
      );
      const kept = await copy.transaction(async (trx) => {
        await insert(trx, 3);
        const nested = await outcomeOf(trx.transaction((inner) => insert(inner, 3)));
        return [nested, trx.userParams];
      });
      await insert(copy, 4);
      return [failure, kept, await ids(client)];
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'a copy with parameters of its own, in whose transaction all others are meant',
    async run({ client }) {
      const copy = client.withUserParams({ tenant: 7 });
      const failure = await failureOf(
        copy.transaction(async (trx) => {
          await insert(trx, 1);
          await insert(client, 2);
          await insert(copy, 3);
          await client.transaction((inner) => insert(inner, 4));
          throw new RangeError('sold out');
        }),
      );
      await insert(client, 5);
      return [failure, await ids(copy)];
    },
    ...joined([{ name: 'RangeError', class: 'RangeError' }, [5]], [5]),
  },
  {
    topic: 'two clients in parallel',
    name: 'statements and transactions of both at once',
    async run({ client, another }) {
      const other = await another();
      await Promise.all([insert(client, 1), insert(other, 2)]);
      const both = [client, other].map((handle, index) =>
        handle.transaction(async (trx) => {
          await insert(trx, 3 + index);
          await new Promise(setImmediate);
          await trx.transaction((inner) => insert(inner, 5 + index));
          return trx.isTransaction;
        }),
      );
      return [await Promise.all(both), await ids(client), await ids(other)];
    },
  },
  {
    topic: 'two clients in parallel',
    name: 'one whose transaction fails beside one whose transaction succeeds',
    async run({ client, another }) {
      const other = await another();
      return await Promise.all([
        failureOf(
          client.transaction(async (trx) => {
            await insert(trx, 1);
            await insert(trx, 1);
          }),
        ),
        other.transaction(async (trx) => {
          await insert(trx, 2);
          return await ids(trx);
        }),
      ]);
    },
  },
  {
    topic: 'implicit transactions',
    name: 'batchInsert, all or none of it, and in a transaction that is there',
    async run({ client }) {
      const rows = (from: number): { id: number }[] => Array.from({ length: 5 }, (_, index) => ({ id: from + index }));
      await client.batchInsert('product', rows(0), 2);
      const failed = await outcomeOf(client.batchInsert('product', [...rows(10), { id: 0 }], 2));
      const within = await client.transaction(async (trx) => {
        await client.batchInsert('product', rows(20), 2).transacting(trx);
        await trx.batchInsert('product', rows(30), 2);
        return await outcomeOf(trx.batchInsert('product', [...rows(40), { id: 1000 }], 2));
      });
      return [failed, within, await ids(client)];
    },
  },
  {
    topic: 'words for independence',
    name: 'a transaction of the shared handle within a transaction, which fails',
    async run({ client }) {
      const outer = client.transaction(async (trx) => {
        await insert(trx, 1);
        await client.transaction((inner) => insert(inner, 2));
        await insert(client, 3);
        const byHand = await client.transaction();
        await insert(byHand, 4);
        await byHand.commit();
        throw new RangeError('sold out');
      });
      const failure = await failureOf(outer);
      await insert(client, 5);
      return [failure, await ids(client)];
    },
    ...joined([{ name: 'RangeError', class: 'RangeError' }, [5]], [5]),
  },
];
