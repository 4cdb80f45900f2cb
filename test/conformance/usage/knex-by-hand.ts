// Transactions of Knex that are ended by hand, also as Objection hands them out.
import type { Knex } from 'knex';
import { signal } from '../../support/settled.ts';
import { ids, insert, type KnexUsage, onMariadb, outcomeOf } from './knex.ts';
import { slowCommit } from './slow-commit.ts';

/** As Objection's `Model.startTransaction()`. */
const startTransaction = (knex: Knex): Promise<Knex.Transaction> =>
  new Promise((resolve, reject) => {
    knex.transaction((trx) => resolve(trx)).catch(reject);
  });

/** As a model of Objection that is bound to a handle. */
const bindProduct = (handle: Knex): { insert(id: number): Promise<void>; ids(): Promise<number[]> } => ({
  insert: (id) => insert(handle, id),
  ids: () => ids(handle),
});

export const byHand: readonly KnexUsage[] = [
  {
    topic: 'transactions begun by hand',
    name: 'ended twice, in both ways, and used after that',
    async run({ client }) {
      const committed = await client.transaction();
      await insert(committed, 1);
      await committed.commit();
      const rolledBack = await client.transaction();
      await insert(rolledBack, 2);
      await rolledBack.rollback();
      return [
        await outcomeOf(committed.commit()),
        await outcomeOf(committed.rollback()),
        await outcomeOf(rolledBack.rollback()),
        await outcomeOf(rolledBack.commit()),
        await outcomeOf(insert(committed, 3)),
        await outcomeOf(insert(rolledBack, 4)),
        [committed.isCompleted(), rolledBack.isCompleted()],
        await outcomeOf(committed.executionPromise),
        await outcomeOf(rolledBack.executionPromise),
      ];
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'rolled back where its function catches an error, which it throws on',
    async run({ client }) {
      await insert(client, 1);
      const sell = async (): Promise<void> => {
        const trx = await client.transaction();
        try {
          await insert(trx, 2);
          await insert(trx, 1);
          await trx.commit();
        } catch (error) {
          await trx.rollback(error);
          await outcomeOf(trx.executionPromise);
          throw error;
        }
      };
      return [await outcomeOf(sell()), await outcomeOf(sell()), await ids(client)];
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'with transactions in functions and savepoints inside, of which some fail',
    async run({ client }) {
      const trx = await client.transaction();
      await insert(trx, 1);
      const outcomes: string[] = [];
      for (let item = 2; item < 20; item++) {
        outcomes.push(
          await outcomeOf(
            trx.transaction(async (inner) => {
              await insert(inner, item);
              if (item % 2 === 0) await insert(inner, 1);
            }),
          ),
        );
      }
      const nested = await trx.transaction();
      await insert(nested, 20);
      await nested.rollback();
      const second = await trx.transaction();
      await insert(second, 21);
      await second.commit();
      await trx.commit();
      return [outcomes, await ids(client)];
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'one from a provider, for whoever asks first, that begins when it is asked for',
    async run({ client }) {
      const provider = client.transactionProvider();
      const handles = await Promise.all([provider(), provider(), provider()]);
      for (const [index, handle] of handles.entries()) await insert(handle, index);
      const first = await provider();
      await first.commit();
      return [new Set(handles).size, (await provider()).isCompleted(), await ids(client)];
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'as Objection hands it out: committed, rolled back, and in models that are bound to it',
    async run({ client }) {
      const first = await startTransaction(client);
      await bindProduct(first).insert(1);
      await first.commit();
      const second = await startTransaction(client);
      await bindProduct(second).insert(2);
      await second.rollback();
      const third = await startTransaction(client);
      const failed = await outcomeOf(bindProduct(third).insert(1));
      await third.rollback();
      return [failed, await bindProduct(client).ids(), first.isCompleted(), second.isCompleted()];
    },
  },
  {
    topic: 'promises of commit',
    name: 'what a transaction has committed when it is answered, in each form',
    async run({ client, server }) {
      const write = async (trx: Knex, id: number): Promise<void> => {
        await insert(trx, id);
        await trx.raw(slowCommit);
      };
      await client.transaction((trx) => write(trx, 1));
      const seen = [await server.products()];
      // The call resolves with the commit, not with its function.
      const looked = signal();
      await client.transaction(async (trx) => {
        await write(trx, 2);
        await trx.commit('by hand');
        seen.push(await server.products());
        looked.fire();
      });
      await looked.promise;
      const handedOut = await client.transaction();
      await write(handedOut, 3);
      await handedOut.commit();
      seen.push(await server.products());
      const objection = await startTransaction(client);
      await write(objection, 4);
      await objection.commit();
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
    name: 'a commit after a statement that has failed, whose error was caught, and the rollback after that',
    async run({ client }) {
      await insert(client, 1);
      const trx = await client.transaction();
      await insert(trx, 2);
      await outcomeOf(insert(trx, 1));
      const commit = await outcomeOf(trx.commit());
      const execution = await outcomeOf(trx.executionPromise);
      return [commit, execution, await outcomeOf(trx.rollback()), trx.isCompleted(), await ids(client)];
    },
    ...(onMariadb
      ? {}
      : {
          inside: {
            on: 'A failed statement whose error is caught',
            why: 'Knex alone takes the answer ROLLBACK for a commit; a savepoint that has failed is told of',
            sees: ['UNEXPECTED_ROLLBACK', 'UNEXPECTED_ROLLBACK', 'resolved', true, [1]],
          },
        }),
  },
  {
    topic: 'promises of commit',
    name: 'the value of a commit and of a function, and who commits first',
    async run({ client }) {
      return [
        await client.transaction(async (trx) => [await insert(trx, 1), 'function'][1]),
        await client.transaction(async (trx) => {
          await insert(trx, 2);
          await trx.commit('commit');
          return 'function';
        }),
        await client.transaction((trx) => {
          insert(trx, 3).then(
            () => trx.commit('later'),
            (error: unknown) => trx.rollback(error),
          );
        }),
        await outcomeOf(
          client.transaction((trx) => {
            insert(trx, 3).then(
              () => trx.commit('later'),
              (error: unknown) => trx.rollback(error),
            );
          }),
        ),
      ];
    },
  },
  {
    topic: 'promises of commit',
    name: 'a function that returns although one of its statements has failed',
    async run({ client }) {
      const running = client.transaction(async (trx) => {
        await insert(trx, 1);
        await outcomeOf(insert(trx, 1));
      });
      const answer = await outcomeOf(running);
      await insert(client, 2);
      return [answer, await ids(client)];
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
