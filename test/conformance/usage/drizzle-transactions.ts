// Transactions of Drizzle as its users write them.
import { eq } from 'drizzle-orm';
import {
  type DrizzleUsage,
  failuresIfAny,
  failuresOf,
  idsIn,
  onMariadb,
  product,
  type Transaction,
} from './drizzle.ts';

const refused = {
  told: { name: 'Error', class: 'DrizzleQueryError' },
  cause: {
    name: 'IncompatibleTransactionError',
    class: 'IncompatibleTransactionError',
    code: 'INCOMPATIBLE_TRANSACTION',
  },
};

export const transactions: readonly DrizzleUsage[] = [
  {
    topic: 'retries',
    name: 'a loop around a transaction at REPEATABLE READ that another one has overtaken',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1)');
      let attempts = 0;
      const attempt = (): Promise<void> =>
        client.transaction(
          async (tx) => {
            attempts += 1;
            const [row] = await tx.select().from(product).where(eq(product.id, 1));
            if (attempts === 1) await server.sql('update product set stock = 10 where id = 1');
            await tx
              .update(product)
              .set({ stock: (row?.stock ?? 0) + 1 })
              .where(eq(product.id, 1));
          },
          { isolationLevel: 'repeatable read' },
        );
      const failures: object[] = [];
      for (let left = 3; left > 0; left -= 1) {
        const failure = await failuresIfAny(attempt());
        if (failure === undefined) break;
        failures.push(failure);
      }
      return { attempts, failures };
    },
    keeps: [{ id: 1, stock: onMariadb ? 10 : 0 }],
    ...(onMariadb
      ? {}
      : {
          inside: {
            on: 'Isolation level in an ambient transaction',
            why: 'the ambient transaction gives less than this one asks for: what is to be repeated is the outermost one',
            sees: { attempts: 0, failures: [refused, refused, refused] },
            rows: [{ id: 1, stock: 0 }],
          },
        }),
  },
  {
    topic: 'retries',
    name: 'another key for a row whose key is taken',
    async run({ client }) {
      await client.insert(product).values({ id: 1 });
      const failures: object[] = [];
      for (let id = 1; ; id += 1) {
        const failure = await failuresIfAny(
          client.transaction((tx) => tx.insert(product).values({ id, name: 'second' })),
        );
        if (failure === undefined) return { failures, id };
        failures.push(failure);
      }
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'with tx.rollback(), an error of its own and one of the server, in one that goes on',
    async run({ client }) {
      class SoldOut extends Error {}
      const failures: object[] = [];
      await client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        const ends = [
          (inner: Transaction): unknown => inner.rollback(),
          (): unknown => {
            throw new SoldOut('sold out');
          },
          async (inner: Transaction): Promise<unknown> => await inner.insert(product).values({ id: 1 }),
        ];
        for (const end of [...ends, ...ends]) {
          const nested = tx.transaction(async (inner) => {
            await inner.insert(product).values({ id: 2 });
            await inner.transaction(async (deeper) => await deeper.insert(product).values({ id: 3 }));
            await end(inner);
          });
          failures.push(await failuresOf(nested));
        }
        await tx.insert(product).values({ id: 4 });
      });
      return failures;
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'tx.rollback() of the whole, and of what is within one that is caught',
    async run({ client }) {
      const whole = client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        tx.rollback();
      });
      const failure = await failuresOf(whole);
      const kept = await client.transaction(async (tx) => {
        const inner = tx.transaction(async (nested) => {
          await nested.insert(product).values({ id: 2 });
          nested.rollback();
        });
        await failuresOf(inner);
        await tx.insert(product).values({ id: 3 });
        return await idsIn(tx);
      });
      return { failure, kept };
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'two in parallel, of which one fails after the other has written',
    async run({ client }) {
      return await client.transaction(async (tx) => {
        const settled = await Promise.allSettled([
          tx.transaction(async (first) => await first.insert(product).values({ id: 1 })),
          tx.transaction(async (second) => {
            await second.insert(product).values({ id: 2 });
            throw new RangeError('sold out');
          }),
        ]);
        await tx.insert(product).values({ id: 3 });
        return settled.map(({ status }) => status);
      });
    },
    outside: {
      on: 'Nested transactions in parallel',
      why: 'siblings wait for each other',
      sees: ['fulfilled', 'rejected'],
      rows: rowsOf(1, 3),
    },
    inside: {
      on: 'Nested transactions in parallel',
      why: 'siblings wait for each other',
      sees: ['fulfilled', 'rejected'],
      rows: rowsOf(1, 3),
    },
  },
  {
    topic: 'two clients in parallel',
    name: 'a transaction of each, of which one fails',
    async run({ client, another }) {
      const other = await another();
      const settled = await Promise.allSettled([
        client.transaction(async (tx) => {
          await tx.insert(product).values([{ id: 1 }, { id: 2 }]);
        }),
        other.transaction(async (tx) => {
          await tx.insert(product).values({ id: 3 });
          tx.rollback();
        }),
      ]);
      return { settled: settled.map(({ status }) => status), found: [await idsIn(client), await idsIn(other)] };
    },
  },
  {
    topic: 'words for independence',
    name: 'a transaction of the database in one that fails, and what is sent to the database beside its handle',
    async run({ client }) {
      const outer = client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        await client.transaction(async (independent) => await independent.insert(product).values({ id: 2 }));
        await client.insert(product).values({ id: 3 });
        tx.rollback();
      });
      const failure = await failuresOf(outer);
      await client.insert(product).values({ id: 4 });
      return { failure, found: await idsIn(client) };
    },
    outside: {
      on: 'Another handle during a transaction',
      why: 'the database means the transaction that is ambient',
      sees: { failure: { told: { name: 'DrizzleError', class: 'TransactionRollbackError' } }, found: [4] },
      rows: rowsOf(4),
    },
    inside: {
      on: 'Another handle during a transaction',
      why: 'the database means the transaction that is ambient',
      sees: { failure: { told: { name: 'DrizzleError', class: 'TransactionRollbackError' } }, found: [4] },
      rows: rowsOf(4),
    },
  },
  {
    topic: 'promises of commit',
    name: 'others see what a transaction and a statement have written as soon as they resolve',
    async run({ client, server }) {
      const seen: number[] = [];
      await client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        seen.push((await server.products()).length);
      });
      seen.push((await server.products()).length);
      await client.insert(product).values({ id: 2 });
      seen.push((await server.products()).length);
      return seen;
    },
    inside: {
      on: 'Commit in an ambient transaction',
      why: 'what has ended inside is a savepoint: the ambient transaction is what commits',
      sees: [0, 0, 0],
    },
  },
  {
    topic: 'promises of commit',
    name: 'a function that returns although one of its statements has failed',
    async run({ client }) {
      const running = client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        await failuresOf(tx.insert(product).values({ id: 1 }).execute());
        return 'returned';
      });
      const answer = await running.catch(({ code }: Error & { code?: unknown }) => code);
      await client.insert(product).values({ id: 2 });
      return [answer, await idsIn(client)];
    },
    ...(onMariadb
      ? {}
      : {
          outside: {
            on: 'A failed statement whose error is caught',
            why: 'the server has rolled back',
            sees: ['UNEXPECTED_ROLLBACK', [2]],
          },
          inside: {
            on: 'A failed statement whose error is caught',
            why: 'the server has rolled back',
            sees: ['UNEXPECTED_ROLLBACK', [2]],
          },
        }),
  },
];

function rowsOf(...of: readonly number[]): { id: number; stock: number }[] {
  return of.map((id) => ({ id, stock: 0 }));
}
