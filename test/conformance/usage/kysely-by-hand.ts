// Transactions of Kysely that are ended by hand, their savepoints, and what commits promise.
import { type Kysely, sql } from 'kysely';
import { engine } from '../../support/database.ts';
import { ids, insert, type Tables } from './kysely.ts';
import { slowCommit } from './slow-commit.ts';
import { failureOf, type Usage } from './suite.ts';

export const byHand: readonly Usage<Kysely<Tables>>[] = [
  {
    topic: 'nested transactions that fail',
    name: 'a savepoint to which a controlled transaction goes back after a failed statement',
    async run({ client }) {
      const trx = await client.startTransaction().execute();
      await trx.insertInto('product').values({ id: 1 }).execute();
      const inner = await trx.savepoint('inner').execute();
      const failure = await failureOf(inner.insertInto('product').values({ id: 1 }).execute());
      const after = await inner.rollbackToSavepoint('inner').execute();
      await after.insertInto('product').values({ id: 2 }).execute();
      await after.commit().execute();
      return failure;
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'one savepoint for each of many items, of the same name, in one controlled transaction',
    async run({ client }) {
      const trx = await client.startTransaction().execute();
      const failures: object[] = [];
      for (let item = 0; item < 30; item++) {
        const inner = await trx.savepoint('item').execute();
        await insert(inner, item);
        if (item % 2 === 0) await inner.releaseSavepoint('item').execute();
        else {
          failures.push(await failureOf(insert(inner, 0)));
          await inner.rollbackToSavepoint('item').execute();
          await inner.releaseSavepoint('item').execute();
        }
      }
      await trx.commit().execute();
      return failures;
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'savepoints within savepoints, of which an outer one is left',
    async run({ client }) {
      const trx = await client.startTransaction().execute();
      await insert(trx, 1);
      const outer = await trx.savepoint('outer').execute();
      await insert(outer, 2);
      const inner = await outer.savepoint('inner').execute();
      await insert(inner, 3);
      await inner.releaseSavepoint('inner').execute();
      const second = await outer.savepoint('second').execute();
      await insert(second, 4);
      await second.rollbackToSavepoint('outer').execute();
      const seen = await ids(trx);
      const gone = await failureOf(second.releaseSavepoint('second').execute());
      // PostgreSQL has failed the transaction for that.
      await trx.rollbackToSavepoint('outer' as never).execute();
      await insert(trx, 5);
      await trx.commit().execute();
      return [seen, gone];
    },
    inside: {
      on: 'A savepoint that is gone',
      why: 'a savepoint that is gone is found before it is sent',
      sees: [[1], { name: 'TransactionControlError', class: 'TransactionControlError', code: 'TRANSACTION_CONTROL' }],
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'ended twice, in both ways',
    async run({ client }) {
      const committed = await client.startTransaction().execute();
      await insert(committed, 1);
      await committed.commit().execute();
      const rolledBack = await client.startTransaction().execute();
      await insert(rolledBack, 2);
      await rolledBack.rollback().execute();
      return [
        await failureOf(committed.commit().execute()),
        await failureOf(committed.rollback().execute()),
        await failureOf(rolledBack.rollback().execute()),
        await failureOf(rolledBack.commit().execute()),
        await failureOf(insert(committed, 3)),
        await failureOf(insert(rolledBack, 4)),
        await failureOf(committed.savepoint('late').execute()),
        [committed.isCommitted, committed.isRolledBack, rolledBack.isCommitted, rolledBack.isRolledBack],
      ];
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'rolled back where its function catches an error, which it throws on',
    async run({ client }) {
      await insert(client, 1);
      const sell = async (): Promise<void> => {
        const trx = await client.startTransaction().setAccessMode('read write').execute();
        try {
          await insert(trx, 2);
          await insert(trx, 1);
          await trx.commit().execute();
        } catch (error) {
          await trx.rollback().execute();
          throw error;
        }
      };
      return [await failureOf(sell()), await failureOf(sell()), await ids(client)];
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'ended in another function, after others of the program have worked',
    async run({ client }) {
      const trx = await client.startTransaction().execute();
      await insert(trx, 1);
      const end = async (): Promise<void> => {
        await new Promise(setImmediate);
        await insert(trx, 2);
        await trx.commit().execute();
      };
      await Promise.all([end(), ids(trx)]);
      return await ids(client);
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'one that only reads, and the writes of others after its end',
    async run({ client }) {
      const trx = await client.startTransaction().setAccessMode('read only').execute();
      const seen = await ids(trx);
      await trx.commit().execute();
      await insert(client, 1);
      return [seen, await ids(client)];
    },
  },
  {
    topic: 'promises of commit',
    name: 'what a transaction has committed when it is answered',
    async run({ client, server }) {
      await client.transaction().execute(async (trx) => {
        await insert(trx, 1);
        await sql.raw(slowCommit).execute(trx);
      });
      const first = await server.products();
      const trx = await client.startTransaction().execute();
      await insert(trx, 2);
      await sql.raw(slowCommit).execute(trx);
      await trx.commit().execute();
      return [first, trx.isCommitted, await server.products()];
    },
    inside: {
      on: 'Commit in an ambient transaction',
      why: 'it commits with the ambient transaction',
      sees: [[], true, []],
    },
  },
  {
    topic: 'promises of commit',
    name: 'a commit after a statement that has failed, whose error was caught, and the rollback after that',
    async run({ client }) {
      await insert(client, 1);
      const trx = await client.startTransaction().execute();
      await insert(trx, 2);
      await failureOf(insert(trx, 1));
      const answer = await trx
        .commit()
        .execute()
        .then(
          () => 'committed',
          (error: unknown) => (error as Error).name,
        );
      const states = [trx.isCommitted, trx.isRolledBack];
      if (answer !== 'committed') await trx.rollback().execute();
      return [answer, states, await ids(client)];
    },
    ...(engine.name === 'postgres'
      ? {
          inside: {
            on: 'A failed statement whose error is caught',
            why: 'a savepoint has no answer to its commit that Kysely could read; the error says the same',
            sees: ['UnexpectedRollbackError', [false, false], [1]],
          },
        }
      : {}),
  },
  {
    topic: 'promises of commit',
    name: 'a function that returns although one of its statements has failed',
    async run({ client }) {
      const running = client.transaction().execute(async (trx) => {
        await insert(trx, 1);
        await failureOf(insert(trx, 1));
        return 'returned';
      });
      const answer = await running.catch(({ code, name }: Error & { code?: unknown }) => code ?? name);
      await insert(client, 2);
      return [answer, await ids(client)];
    },
    ...(engine.lacks['failures doom'] !== undefined
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
