// Queries of Knex beside their plain execution: cancelled, streamed, lazy, locking, listened to, failing.
import { PassThrough } from 'node:stream';
import type { Knex } from 'knex';
import { engine } from '../../support/database.ts';
import { rejection, until } from '../../support/settled.ts';
import { beside, ids, insert, type KnexUsage, outcomeOf } from './knex.ts';
import { failureOf } from './suite.ts';

const sleeping = engine.sql.sleep(60);

interface Row {
  readonly id: number;
}

async function read(rows: AsyncIterable<unknown>, limit = Infinity): Promise<number[]> {
  const seen: number[] = [];
  for await (const row of rows) if (seen.push((row as Row).id) >= limit) break;
  return seen;
}

/** All that an error says, but for the text of mysql2 with its values in it. */
async function shapeOf(promise: PromiseLike<unknown>): Promise<object> {
  const error = await rejection(Promise.resolve(promise));
  const { sql: _, ...own } = error;
  return { ...own, name: error.name, class: error.constructor.name, message: error.message };
}

export const queries: readonly KnexUsage[] = [
  {
    topic: 'timeouts, cancelling and signals',
    name: 'a query that is cancelled on the server, in a transaction that is rolled back for it',
    async run({ client, server }) {
      await insert(client, 1);
      const failure = await failureOf(
        client.transaction(async (trx) => {
          await insert(trx, 2);
          await trx.raw(sleeping).timeout(40, { cancel: true });
        }),
      );
      await until('it does not run any more', async () => (await server.running(sleeping)) === 0);
      return [failure, await ids(client)];
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'one that is cancelled and caught in a savepoint, and the transaction that goes on',
    async run({ client }) {
      return await client.transaction(async (trx) => {
        await insert(trx, 1);
        const outcomes: string[] = [];
        for (let attempt = 0; attempt < 3; attempt++) {
          const slow = trx.transaction(async (inner) => {
            await insert(inner, 2);
            await inner.raw(sleeping).timeout(20, { cancel: true });
          });
          outcomes.push(await outcomeOf(slow));
        }
        await insert(trx, 3);
        return [outcomes, await ids(trx)];
      });
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'a query that is no longer waited for, and the one after it',
    async run({ client }) {
      return await client.transaction(async (trx) => {
        const late = await outcomeOf(trx.raw(engine.sql.sleep(0.2)).timeout(20));
        await insert(trx, 1);
        return [late, await ids(trx)];
      });
    },
  },
  {
    topic: 'streams and cursors',
    name: 'rows as they come: all of them, some of them, piped, and in a transaction',
    async run({ client }) {
      for (let id = 1; id <= 6; id++) await insert(client, id);
      const rows = (handle: Knex): Knex.QueryBuilder => handle('product').select('id').orderBy('id');
      const within = await client.transaction(async (trx) => {
        const seen = [await read(rows(trx).stream()), await read(rows(trx).stream({ highWaterMark: 1 }), 2)];
        await insert(trx, 7);
        return seen;
      });
      const through = new PassThrough({ objectMode: true });
      rows(client).pipe(through);
      const piped = await read(through);
      return [within, piped, await read(rows(client).stream(), 3), await ids(client)];
    },
  },
  {
    topic: 'streams and cursors',
    name: 'a stream that fails, in a transaction that is rolled back for it',
    async run({ client }) {
      const failure = await failureOf(
        client.transaction(async (trx) => {
          await insert(trx, 1);
          await read(trx('missing').select('id').stream());
        }),
      );
      await insert(client, 2);
      return [failure, await ids(client)];
    },
  },
  {
    topic: 'lazy results',
    name: 'queries that are built and never awaited, and one that is awaited twice',
    async run({ client }) {
      return await client.transaction(async (trx) => {
        const never = trx('product').insert({ id: 1 });
        never.toSQL();
        trx('product').delete().toSQL();
        const twice = trx('product').insert({ id: 2 });
        await twice;
        await trx('product').where({ id: 2 }).delete();
        await twice;
        return await ids(trx);
      });
    },
  },
  {
    topic: 'lazy results',
    name: 'a query that is built in a transaction and awaited after its end, or by its function',
    async run({ client }) {
      const { late } = await client.transaction(async (trx) => {
        await insert(trx, 1);
        return { late: [trx('product').insert({ id: 2 }), client('product').insert({ id: 3 })] };
      });
      const outcomes = [await outcomeOf(late[0]), await outcomeOf(late[1])];
      const returned = await client.transaction((trx) =>
        trx('product')
          .insert({ id: 4 })
          .then(() => 'inserted'),
      );
      return [outcomes, returned, await ids(client)];
    },
  },
  {
    topic: 'pessimistic locks',
    name: 'a row that is locked until its transaction ends',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1)');
      const other = (): Promise<string> =>
        server.sql('select id from product where id = 1 for update nowait').then(
          () => 'free',
          () => 'locked',
        );
      const during = await client.transaction(async (trx) => {
        const rows = await trx('product').where({ id: 1 }).forUpdate().pluck<number[]>('id');
        await insert(trx, 2);
        return [rows, await other()];
      });
      return [during, await other()];
    },
    inside: {
      on: 'Commit in an ambient transaction',
      why: 'the lock is that of the ambient transaction',
      sees: [[[1], 'locked'], 'locked'],
    },
    keeps: [{ id: 1, stock: 0 }],
  },
  {
    topic: 'pessimistic locks',
    name: 'rows that another process has locked: passed over, refused, and waited for',
    async run(world) {
      const { client, server } = world;
      await server.sql('insert into product (id) values (1), (2)');
      return await beside(world, async (other) => {
        const holder = await other.transaction();
        await holder('product').where({ id: 1 }).forUpdate();
        const rows = (trx: Knex): Knex.QueryBuilder => trx('product').orderBy('id').pluck('id').forUpdate();
        const skipped: unknown = await client.transaction(async (trx) => await rows(trx).skipLocked());
        const refused = await failureOf(client.transaction(async (trx) => await rows(trx).noWait()));
        const waiting = client.transaction(async (trx) => {
          const locked: unknown = await rows(trx);
          await insert(trx, 3);
          return locked;
        });
        await holder.rollback();
        return [skipped, refused, await waiting];
      });
    },
    keeps: [
      { id: 1, stock: 0 },
      { id: 2, stock: 0 },
    ],
  },
  {
    topic: 'hooks and events',
    name: 'what listeners of the handle are told of transactions that commit and fail',
    async run({ client }) {
      await insert(client, 0);
      const told: string[] = [];
      const withoutId = (sql: string): string => sql.replace(/trx\d+/, 'trx');
      client.on('query', ({ sql }: { sql: string }) => told.push(`query ${withoutId(sql)}`));
      client.on('query-response', (_: unknown, { sql }: { sql: string }) => told.push(`answer ${withoutId(sql)}`));
      client.on('query-error', ({ name }: Error, { sql }: { sql: string }) => told.push(`${name} ${withoutId(sql)}`));
      client.on('start', () => told.push('start'));
      await client.transaction(async (trx) => {
        await insert(trx, 1);
        await outcomeOf(trx.transaction((inner) => insert(inner, 1)));
      });
      const trx = await client.transaction();
      await insert(trx, 2);
      await trx.rollback();
      return told;
    },
  },
  {
    topic: 'hooks and events',
    name: 'what listeners of one query and of one transaction are told',
    async run({ client }) {
      const told: string[] = [];
      await client.transaction(async (trx) => {
        trx.on('query', ({ sql }: { sql: string }) => told.push(`transaction ${sql}`));
        await trx('product')
          .insert({ id: 1 })
          .on('start', () => told.push('start'))
          .on('query', ({ sql }: { sql: string }) => told.push(`query ${sql}`))
          .on('query-response', () => told.push('answer'))
          .on('end', () => told.push('end'));
        await trx.raw('select 1').on('query', ({ sql }: { sql: string }) => told.push(`raw ${sql}`));
      });
      await insert(client, 2);
      return told;
    },
  },
  {
    topic: 'the shape of errors',
    name: 'of the server, by itself and out of a transaction',
    async run({ client }) {
      await insert(client, 1);
      const failing: readonly ((handle: Knex) => PromiseLike<unknown>)[] = [
        (handle) => insert(handle, 1),
        (handle) => handle.raw('selec'),
        (handle) => handle('missing').select(),
        (handle) => handle('product').insert({ id: 'text' }),
        (handle) => handle('product').insert({ id: 2, stock: null }),
        (handle) => handle('product').where('missing', 1).update({ id: 7 }),
      ];
      const shapes: object[] = [];
      for (const fail of failing) {
        shapes.push(await shapeOf(client.transaction(async (trx) => await fail(trx))));
        shapes.push(
          await shapeOf(client.transaction(async (trx) => await trx.transaction(async (inner) => await fail(inner)))),
        );
      }
      return shapes;
    },
  },
  {
    topic: 'the shape of errors',
    name: 'of Knex itself, for settings and bodies that are nonsense',
    async run({ client }) {
      await insert(client, 1);
      const add = (trx: Knex): Promise<void> => insert(trx, 2);
      const nonsense: readonly (() => unknown)[] = [
        () => client.transaction(add, { isolationLevel: 'bogus' as never }),
        () => client.transaction({ isolationLevel: 'serializable; drop table product' as never }),
        () => client.transaction(() => Promise.reject(new RangeError('out of stock'))),
        () => client.transaction(() => Promise.reject(undefined as unknown as Error)),
        () =>
          client.transaction(() => {
            throw new RangeError('at once');
          }),
        () => client.transaction((trx) => trx.rollback()),
        () => client.transaction((trx) => trx.rollback(), { doNotRejectOnRollback: false }),
        () => client('product').where({ id: undefined }),
        () =>
          client('product')
            .insert({ id: 3 })
            .transacting('nonsense' as never),
      ];
      const outcomes: string[] = [];
      for (const call of nonsense) outcomes.push(await outcomeOf(Promise.resolve().then(call)));
      return [outcomes, await ids(client)];
    },
  },
];
