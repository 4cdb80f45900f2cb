// Queries of Kysely beside their plain execution: derived handles, cancelled, streamed, locking, logged, failing.
import {
  CamelCasePlugin,
  DeduplicateJoinsPlugin,
  type Kysely,
  type KyselyPlugin,
  type PluginTransformResultArgs,
  type QueryResult,
  sql,
  type UnknownRow,
} from 'kysely';
import { engine } from '../../support/database.ts';
import { rejection, until } from '../../support/settled.ts';
import { beside, ids, insert, loggedBy, type Tables } from './kysely.ts';
import { failureOf, type Usage } from './suite.ts';

const onMariadb = engine.name === 'mariadb';
const sleep = sql.raw(engine.sql.sleep(60));
const sleeping = engine.sql.sleep(60);

/** The schema that the tables are in. */
function schemaOf(url: string): string {
  if (engine.name === 'sqlite') return 'main';
  return onMariadb ? new URL(url).pathname.slice(1) : 'public';
}

/** As programs mark what they have read. */
const marking: KyselyPlugin = {
  transformQuery: ({ node }) => node,
  transformResult: ({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> =>
    Promise.resolve({ ...result, rows: result.rows.map((row) => ({ ...row, isMarked: true })) }),
};

export const queries: readonly Usage<Kysely<Tables>>[] = [
  {
    topic: 'extended and derived clients',
    name: 'plugins and schemas, in and around a transaction that fails',
    async run({ client, server }) {
      const derived = [
        client.withPlugin(marking),
        client.withPlugin(new CamelCasePlugin()).withPlugin(new DeduplicateJoinsPlugin()),
        client.withSchema(schemaOf(server.url)),
        client.withPlugin(marking).withoutPlugins(),
        client.withTables<{ other: { id: number } }>(),
        client.$extendTables<{ other: { id: number } }>(),
      ];
      const failures: object[] = [];
      for (const [index, handle] of derived.entries()) {
        const failing = handle.transaction().execute(async (trx) => {
          await insert(trx, index);
          await insert(trx.withPlugin(marking), index);
        });
        failures.push(await failureOf(failing));
      }
      await Promise.all(derived.map((handle, index) => insert(handle, index)));
      return [
        failures,
        await client.withPlugin(marking).selectFrom('product').select('id').orderBy('id').execute(),
        await client
          .transaction()
          .execute((trx) => trx.withPlugin(marking).selectFrom('product').select('id').orderBy('id').execute()),
      ];
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'a derived handle of a controlled transaction, and what it ends for all',
    async run({ client }) {
      const trx = await client.startTransaction().execute();
      const marked = trx.withPlugin(marking);
      await insert(marked, 1);
      const rows = await marked.selectFrom('product').select('id').execute();
      await marked.commit().execute();
      return [rows, trx.isCommitted, await failureOf(insert(trx, 2))];
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'a query that is aborted before it is sent',
    async run({ client }) {
      const abort = AbortSignal.abort(new RangeError('no longer wanted'));
      return await client.transaction().execute(async (trx) => {
        const query = trx.insertInto('product').values({ id: 1 });
        const failure = await failureOf(query.execute({ signal: abort }));
        await insert(trx, 2);
        return [failure, await ids(trx)];
      });
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'a query that is cancelled on the server while it runs, in a transaction that is rolled back for it',
    lacking: engine.lacks['slow statements'],
    async run({ client, server }) {
      await insert(client, 1);
      const isRunning = async (): Promise<boolean> => (await server.running(sleeping)) > 0;
      const abort = new AbortController();
      const running = client.transaction().execute(async (trx) => {
        await insert(trx, 2);
        try {
          await sleep.execute(trx, { signal: abort.signal, inflightQueryAbortStrategy: 'cancel query' });
        } finally {
          // Kysely cancels nothing any more once the next statement is asked for.
          await until('it does not run any more', async () => !(await isRunning()));
        }
      });
      const failure = failureOf(running);
      await until('it runs', isRunning);
      abort.abort(new RangeError('no longer wanted'));
      const seen = await failure;
      await insert(client, 3);
      return [seen, await ids(client)];
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'a query that is no longer waited for, and the one after it',
    lacking: engine.lacks['slow statements'],
    async run({ client, server }) {
      const abort = new AbortController();
      const short = sql.raw(engine.sql.sleep(0.3));
      return await client.transaction().execute(async (trx) => {
        const failure = failureOf(short.execute(trx, { signal: abort.signal }));
        await until('it runs', async () => (await server.running(engine.sql.sleep(0.3))) > 0);
        abort.abort(new RangeError('no longer wanted'));
        const seen = await failure;
        await insert(trx, 1);
        return [seen, await ids(trx)];
      });
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'a signal for reserving a connection, before it and while it is used',
    async run({ client }) {
      const abort = new AbortController();
      const reason = new RangeError('no longer wanted');
      const late = failureOf(
        client.connection().execute((own) => insert(own, 1), { signal: AbortSignal.abort(reason) }),
      );
      const used = await client.connection().execute(
        async (own) => {
          abort.abort(reason);
          await insert(own, 2);
          return await ids(own);
        },
        { signal: abort.signal },
      );
      return [await late, used];
    },
  },
  {
    topic: 'streams and cursors',
    name: 'rows as they come, with writes between them',
    async run({ client }) {
      for (let id = 1; id <= 6; id++) await insert(client, id);
      const seen: number[] = [];
      await client.transaction().execute(async (trx) => {
        for await (const { id } of trx.selectFrom('product').select('id').orderBy('id').stream(2)) seen.push(id);
        await insert(trx, 7);
      });
      for await (const { id } of client.selectFrom('product').select('id').orderBy('id').stream(3)) {
        seen.push(id);
        await client.updateTable('product').set({ stock: id }).where('id', '=', id).execute();
      }
      return seen;
    },
    ...waitingForItself([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7], (id) => id),
  },
  {
    topic: 'streams and cursors',
    name: 'a stream that is left early, one that fails, and one that is aborted',
    async run({ client }) {
      for (let id = 1; id <= 6; id++) await insert(client, id);
      const rows = client.selectFrom('product').select('id').orderBy('id');
      const first = await client.transaction().execute(async (trx) => {
        for await (const { id } of trx.selectFrom('product').select('id').orderBy('id').stream(1)) {
          if (id === 2) break;
        }
        await insert(trx, 10);
        return await ids(trx);
      });
      const failing = client.transaction().execute(async (trx) => {
        await insert(trx, 11);
        for await (const _ of trx
          .selectFrom('missing' as 'product')
          .select('id')
          .stream(1))
          break;
      });
      const abort = new AbortController();
      const aborted = async (): Promise<void> => {
        for await (const _ of rows.stream({ chunkSize: 1, signal: abort.signal }))
          abort.abort(new RangeError('enough'));
      };
      return [first, await failureOf(failing), await failureOf(aborted()), await ids(client)];
    },
  },
  {
    topic: 'lazy results',
    name: 'queries that are built and never executed, and one that is executed twice',
    async run({ client }) {
      await client.transaction().execute((trx) => {
        trx.insertInto('product').values({ id: 1 });
        return Promise.resolve(trx.deleteFrom('product').compile().sql);
      });
      const twice = client.insertInto('product').values({ id: 2 });
      await client.transaction().execute((trx) => trx.executeQuery(twice));
      return [await failureOf(client.transaction().execute((trx) => trx.executeQuery(twice))), await ids(client)];
    },
  },
  {
    topic: 'lazy results',
    name: 'streams that are asked for in a transaction and read after its end',
    async run({ client }) {
      const { own, shared } = await client.transaction().execute(async (trx) => {
        await insert(trx, 1);
        const query = trx.selectFrom('product').select('id');
        return { own: query.stream(), shared: client.selectFrom('product').select('id').stream() };
      });
      const read = async (stream: AsyncIterable<{ id: number }>): Promise<number[]> => {
        const seen: number[] = [];
        for await (const { id } of stream) seen.push(id);
        return seen;
      };
      return [await failureOf(read(own)), await read(shared)];
    },
  },
  {
    topic: 'pessimistic locks',
    name: 'a row that is locked until its transaction ends',
    lacking: engine.lacks['row locks'],
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1)');
      const other = (): Promise<string> =>
        server.sql('select id from product where id = 1 for update nowait').then(
          () => 'free',
          () => 'locked',
        );
      const during = await client.transaction().execute(async (trx) => {
        const rows = await trx.selectFrom('product').select('id').where('id', '=', 1).forUpdate().execute();
        await insert(trx, 2);
        return [rows, await other()];
      });
      return [during, await other()];
    },
    inside: {
      on: 'Commit in an ambient transaction',
      why: 'the lock is that of the ambient transaction',
      sees: [[[{ id: 1 }], 'locked'], 'locked'],
    },
    keeps: [{ id: 1, stock: 0 }],
  },
  {
    topic: 'pessimistic locks',
    name: 'rows that another process has locked: passed over, refused, and waited for',
    lacking: engine.lacks['row locks'],
    async run(world) {
      const { client, server } = world;
      await server.sql('insert into product (id) values (1), (2)');
      return await beside(world, async (other) => {
        const holder = await other.startTransaction().execute();
        await holder.selectFrom('product').select('id').where('id', '=', 1).forUpdate().execute();
        const rows = client.selectFrom('product').select('id').orderBy('id');
        const skipped = await client.transaction().execute((trx) => trx.executeQuery(rows.forUpdate().skipLocked()));
        const refused = await failureOf(
          client.transaction().execute((trx) => trx.executeQuery(rows.forUpdate().noWait())),
        );
        const waiting = client.transaction().execute(async (trx) => {
          const { rows: locked } = await trx.executeQuery(onMariadb ? rows.forUpdate() : rows.forShare());
          await insert(trx, 3);
          return locked;
        });
        await holder.rollback().execute();
        return [skipped.rows, refused, await waiting];
      });
    },
    keeps: [
      { id: 1, stock: 0 },
      { id: 2, stock: 0 },
    ],
  },
  {
    topic: 'hooks and events',
    name: 'what its log is told of transactions that commit and fail',
    async run({ client }) {
      await client.transaction().execute((trx) => insert(trx, 1));
      await failureOf(
        client.transaction().execute(async (trx) => {
          await insert(trx, 2);
          await insert(trx, 1);
        }),
      );
      const trx = await client.startTransaction().execute();
      const inner = await trx.savepoint('inner').execute();
      await inner.rollbackToSavepoint('inner').execute();
      await trx.rollback().execute();
      for await (const _ of client.selectFrom('product').select('id').stream()) break;
      return loggedBy(client);
    },
  },
  {
    topic: 'the shape of errors',
    name: 'of the server, by itself and out of a transaction',
    async run({ client }) {
      await insert(client, 1);
      const ofTypes = (handle: Kysely<Tables>): Promise<unknown> =>
        handle
          .insertInto('product')
          .values({ id: 'text' as never })
          .execute();
      const failing: readonly ((handle: Kysely<Tables>) => Promise<unknown>)[] = [
        // SQLite keeps what it is given.
        ...(engine.name === 'sqlite' ? [] : [ofTypes]),
        (handle: Kysely<Tables>) => insert(handle, 1),
        (handle: Kysely<Tables>) => sql`selec`.execute(handle),
        (handle: Kysely<Tables>) => sql`select * from missing`.execute(handle),
        (handle: Kysely<Tables>) =>
          handle
            .insertInto('product')
            .values({ id: 2, stock: null as never })
            .execute(),
        (handle: Kysely<Tables>) =>
          handle.selectFrom('product').select('id').where('id', '=', 9).executeTakeFirstOrThrow(),
      ];
      const shapes: unknown[] = [];
      for (const fail of failing) {
        shapes.push(await shapeOf(client.transaction().execute((trx) => fail(trx))));
        shapes.push(await shapeOf(client.connection().execute((own) => own.transaction().execute(fail))));
      }
      return shapes;
    },
  },
  {
    topic: 'the shape of errors',
    name: 'of Kysely itself, for settings and handles that are nonsense',
    async run({ client }) {
      await insert(client, 1);
      const nonsense = [
        () =>
          client
            .transaction()
            .setIsolationLevel('bogus' as never)
            .execute((trx) => insert(trx, 2)),
        () =>
          client
            .transaction()
            .setAccessMode('write only' as never)
            .execute((trx) => insert(trx, 2)),
        () =>
          client
            .startTransaction()
            .setIsolationLevel("serializable'; --" as never)
            .execute(),
        () => client.transaction().execute(undefined as never),
        () =>
          client
            .transaction()
            .execute(() => undefined as never)
            .then(() => Promise.reject(new Error('gave'))),
        () => client.connection().execute(undefined as never),
        () => client.executeQuery(undefined as never),
      ];
      const failures: object[] = [];
      for (const call of nonsense) failures.push(await shapeOf(Promise.resolve().then(call)));
      return failures;
    },
  },
];

/** On SQLite, where Kysely by itself has one connection, which its stream keeps. */
function waitingForItself(
  sees: unknown,
  ids: readonly number[],
  stock: (id: number) => number,
): Partial<Usage<Kysely<Tables>>> {
  if (engine.name !== 'sqlite') return {};
  const difference = {
    on: 'Waiting on SQLite',
    why: 'a stream keeps no one waiting',
    sees,
    rows: ids.map((id) => ({ id, stock: stock(id) })),
  };
  return { endless: true, inside: difference, outside: difference };
}

/** All that an error says, but for the text of mysql2 with its values in it. */
async function shapeOf(promise: Promise<unknown>): Promise<object> {
  const error = await rejection(promise);
  const { sql: _, ...own } = error;
  return { ...own, name: error.name, class: error.constructor.name, message: error.message };
}
