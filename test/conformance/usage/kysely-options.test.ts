// Every option of Kysely's own types that can reach a transaction: as with Kysely alone, or refused by name.
import {
  type AbortableQueryOptions,
  type AccessMode,
  CamelCasePlugin,
  type ConnectionBuilder,
  type ControlledTransactionBuilder,
  type IsolationLevel,
  Kysely,
  type KyselyConfig,
  MysqlDialect,
  type MysqlDialectConfig,
  PostgresDialect,
  type PostgresDialectConfig,
  sql,
  type TransactionBuilder,
} from 'kysely';
import { createConnection, createPool } from 'mysql2';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { afterEach, describe, expect, it } from 'vitest';
import { ambientPool as ambientMysqlPool } from '../../../src/drivers/mysql/index.ts';
import { ambientPool as ambientPgPool } from '../../../src/drivers/postgres/index.ts';
import type { Database } from '../../../src/index.ts';
import { bindKysely } from '../../../src/integrations/kysely/index.ts';
import { engine, useTestDatabase } from '../../support/database.ts';
import { rejection, until } from '../../support/settled.ts';
import { ids, insert, type Tables } from './kysely.ts';
import {
  characteristics as characteristicsOf,
  type OptionCase,
  type OptionCases,
  optionSuite,
  outcome,
} from './options-suite.ts';

type Open = (config?: Configs) => Kysely<Tables>;
interface Configs {
  readonly kysely?: Partial<KyselyConfig>;
  readonly dialect?: Partial<PostgresDialectConfig & MysqlDialectConfig>;
}

type Case = OptionCase<Open>;

const onMariadb = engine.name === 'mariadb';
const server = useTestDatabase();
const opened: Kysely<Tables>[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((kysely) => kysely.destroy()));
});

function opening(makePool: () => unknown): Open {
  return ({ kysely, dialect } = {}) => {
    const pool = makePool() as object;
    const config = { pool, ...dialect };
    const made = new Kysely<Tables>({
      dialect: onMariadb
        ? new MysqlDialect(config as MysqlDialectConfig)
        : new PostgresDialect(config as PostgresDialectConfig),
      ...kysely,
    });
    opened.push(made);
    pools.set(made, pool);
    return made;
  };
}

const ownPool = (): unknown =>
  onMariadb
    ? createPool({ uri: server.url, connectionLimit: 4 })
    : new pg.Pool({ connectionString: server.url, max: 4 });

const pools = new WeakMap<object, object>();

function poolFor(database: Database<'default'>): object {
  return onMariadb ? ambientMysqlPool(database) : ambientPgPool(database);
}

const characteristics = (trx: Kysely<Tables>): Promise<unknown> =>
  characteristicsOf(server, async (text) => (await sql.raw(text).execute(trx)).rows);

const transaction = (open: Open): TransactionBuilder<Tables> => open().transaction();
const controlled = (open: Open): ControlledTransactionBuilder<Tables> => open().startTransaction();

/** How a transaction is that its program ends by hand. */
async function byHand(builder: ControlledTransactionBuilder<Tables>): Promise<unknown> {
  const trx = await builder.execute();
  const seen = await characteristics(trx);
  await trx.commit().execute();
  return seen;
}

const ambient = { isolation: engine.levels['DEFAULT'], read_only: engine.defaultReadOnly };
const tooMuch = {
  on: 'Isolation level in an ambient transaction',
  why: 'a transaction says what it is where it begins',
  sees: 'INCOMPATIBLE_TRANSACTION',
};
const asItIs = {
  on: 'Isolation level in an ambient transaction',
  why: 'the ambient transaction gives as much',
  sees: ambient,
};
const notKnown = {
  on: 'Isolation level `snapshot`',
  why: 'neither server knows it; it is refused by name',
  sees: 'TRANSACTION_CONTROL',
};
const levels: Record<IsolationLevel, Omit<Case, 'run'>> = {
  'read uncommitted': { inside: asItIs },
  // What the default of the server is: here of PostgreSQL, below of MariaDB.
  'read committed': onMariadb ? { inside: asItIs } : {},
  'repeatable read': onMariadb ? {} : { inside: tooMuch },
  serializable: { inside: tooMuch },
  snapshot: { inside: notKnown },
};
const modes: Record<AccessMode, Omit<Case, 'run'>> = {
  'read only': {
    inside: { on: 'Access mode in an ambient transaction', why: 'who only reads may join who writes', sees: ambient },
  },
  'read write': {},
};
const levelNames = Object.keys(levels) as IsolationLevel[];
const modeNames = Object.keys(modes) as AccessMode[];

const ofTransactions: Record<keyof TransactionBuilder<Tables>, Record<string, Case>> = {
  setIsolationLevel: Object.fromEntries(
    levelNames.map((level) => [
      level,
      {
        ...levels[level],
        ...(level === 'snapshot' ? { outside: notKnown } : {}),
        run: (open) => transaction(open).setIsolationLevel(level).execute(characteristics),
      },
    ]),
  ),
  setAccessMode: Object.fromEntries(
    modeNames.map((mode) => [
      mode,
      { ...modes[mode], run: (open) => transaction(open).setAccessMode(mode).execute(characteristics) },
    ]),
  ),
  execute: {
    'one setting after the other': {
      run: (open) => {
        const builder = transaction(open).setAccessMode('read only').setIsolationLevel('serializable');
        return builder.setAccessMode('read write').execute(characteristics);
      },
      inside: tooMuch,
    },
    'a builder that is executed twice': {
      run: async (open) => {
        const builder = transaction(open).setIsolationLevel('read committed');
        return [
          await builder.execute((trx) => insert(trx, 1).then(() => 'first')),
          await outcome(builder.execute((trx) => insert(trx, 1))),
        ];
      },
    },
  },
};

const ofControlled: Record<keyof ControlledTransactionBuilder<Tables>, Record<string, Case>> = {
  setIsolationLevel: Object.fromEntries(
    levelNames.map((level) => [
      level,
      {
        ...levels[level],
        ...(level === 'snapshot' && onMariadb ? { outside: notKnown } : {}),
        run: (open) => byHand(controlled(open).setIsolationLevel(level)),
      },
    ]),
  ),
  setAccessMode: Object.fromEntries(
    modeNames.map((mode) => [mode, { ...modes[mode], run: (open) => byHand(controlled(open).setAccessMode(mode)) }]),
  ),
  execute: {
    'both settings': {
      run: (open) => byHand(controlled(open).setAccessMode('read only').setIsolationLevel('read committed')),
      inside: asItIs,
    },
  },
};

const aborted = AbortSignal.abort(new RangeError('no longer wanted'));
const sleeping = engine.sql.sleep(60);

/** Aborts a query that runs, and says what becomes of it and of the next one. */
async function abortWhileItRuns(open: Open, options: AbortableQueryOptions): Promise<unknown> {
  const kysely = open({ dialect: onMariadb ? { controlConnection: createConnection } : {} });
  const abort = new AbortController();
  const seen = await kysely
    .transaction()
    .execute(async (trx) => {
      await insert(trx, 1);
      const running = sql.raw(sleeping).execute(trx, { ...options, signal: abort.signal });
      const settled = outcome(running);
      await until('it runs', async () => (await server.running(sleeping)) > 0);
      abort.abort(new RangeError('no longer wanted'));
      const said = await settled;
      await until('it does not run any more', async () => (await server.running(sleeping)) === 0);
      throw new RangeError(String(said));
    })
    .catch((error: unknown) => (error as Error).message);
  await insert(kysely, 2);
  return [seen, await ids(kysely)];
}

const ofQueries: Record<keyof AbortableQueryOptions, Record<string, Case>> = {
  signal: {
    'aborted before': { run: (open) => outcome(sql`select 1`.execute(open(), { signal: aborted })) },
    'not aborted': {
      run: async (open) => (await sql`select 1 as one`.execute(open(), { signal: new AbortController().signal })).rows,
    },
  },
  inflightQueryAbortStrategy: {
    'cancel query': { run: (open) => abortWhileItRuns(open, { inflightQueryAbortStrategy: 'cancel query' }) },
    bogus: {
      run: (open) =>
        outcome(
          sql`select 1`.execute(open(), {
            signal: new AbortController().signal,
            inflightQueryAbortStrategy: 'bogus' as never,
          }),
        ),
    },
  },
};

const ofConnections: Record<keyof ConnectionBuilder<Tables>, Record<string, Case>> = {
  execute: {
    'a signal that is aborted before': {
      run: (open) =>
        outcome(
          open()
            .connection()
            .execute((own) => ids(own), { signal: aborted }),
        ),
    },
    'a transaction on it': {
      run: (open) =>
        open()
          .connection()
          .execute((own) => own.transaction().setIsolationLevel('read uncommitted').execute(characteristics)),
      inside: asItIs,
    },
  },
};

const ofKysely: Record<keyof KyselyConfig, Record<string, Case>> = {
  dialect: { given: { run: (open) => outcome(ids(open())) } },
  plugins: {
    given: {
      run: (open) =>
        open({ kysely: { plugins: [new CamelCasePlugin()] } })
          .transaction()
          .execute(async (trx) => (await sql`select 1 as one_two`.execute(trx)).rows),
    },
  },
  log: {
    'a function': {
      run: async (open) => {
        const told: string[] = [];
        const kysely = open({ kysely: { log: ({ level, query }) => void told.push(`${level} ${query.sql}`) } });
        await kysely.transaction().execute((trx) => insert(trx, 1));
        await outcome(kysely.transaction().execute((trx) => insert(trx, 1)));
        return told;
      },
    },
  },
};

const eachUse = { on: '`onCreateConnection`', why: 'each use of the pool has a client object of its own', sees: 2 };

type DialectOption = keyof PostgresDialectConfig | keyof MysqlDialectConfig;

const ofDialects: Record<DialectOption, Record<string, Case>> = {
  pool: {
    'a function': {
      run: async (open) => {
        const kysely = open();
        let calls = 0;
        const lazy = open({
          dialect: { pool: (() => Promise.resolve(pools.get(kysely)).finally(() => calls++)) as never },
        });
        await lazy.transaction().execute((trx) => insert(trx, 1));
        return [calls, await ids(lazy)];
      },
    },
  },
  cursor: {
    given: {
      run: async (open) => {
        const kysely = open({ dialect: { cursor: Cursor } });
        await insert(kysely, 1);
        const seen: number[] = [];
        for await (const { id } of kysely.selectFrom('product').select('id').stream(1)) seen.push(id);
        return seen;
      },
    },
    'left out': {
      run: async (open) => {
        const kysely = open();
        await insert(kysely, 1);
        const read = async (): Promise<string> => {
          for await (const _ of kysely.selectFrom('product').select('id').stream(1)) break;
          return 'read';
        };
        return await outcome(read());
      },
    },
  },
  onCreateConnection: {
    'sends a query': {
      run: (open) => countCalls(open, 'onCreateConnection'),
      inside: eachUse,
      outside: eachUse,
    },
  },
  onReserveConnection: {
    'sends a query': { run: (open) => countCalls(open, 'onReserveConnection') },
  },
  controlClient: {
    given: {
      run: async (open) => {
        let made = 0;
        class Counted extends pg.Client {
          constructor(config: pg.ClientConfig) {
            super(config);
            made++;
          }
        }
        const counting: Open = () => open({ dialect: { controlClient: Counted } });
        const seen = onMariadb
          ? 'PostgreSQL'
          : await abortWhileItRuns(counting, { inflightQueryAbortStrategy: 'cancel query' });
        return [made, seen];
      },
    },
  },
  controlConnection: {
    given: {
      run: (open) =>
        onMariadb ? abortWhileItRuns(open, { inflightQueryAbortStrategy: 'cancel query' }) : Promise.resolve('MySQL'),
    },
  },
};

async function countCalls(open: Open, name: 'onCreateConnection' | 'onReserveConnection'): Promise<unknown> {
  let calls = 0;
  const hook = async (connection: { executeQuery(query: never): Promise<unknown> }): Promise<void> => {
    await connection.executeQuery(sql`select 1`.compile(open()) as never);
    calls++;
  };
  const kysely = open({ dialect: { [name]: hook } });
  for (const id of [1, 2]) await kysely.transaction().execute((trx) => insert(trx, id));
  return calls;
}

const tables: Record<string, OptionCases<Open>> = {
  ofTransactions,
  ofControlled,
  ofQueries,
  ofConnections,
  ofKysely,
  ofDialects,
};
const boundTo =
  (database: Database<'default'>): Open =>
  (config) =>
    bindKysely(opening(() => poolFor(database))(config), database);
optionSuite('Kysely', server, tables, { alone: () => opening(ownPool), bound: boundTo });

describe('the level and mode of a transaction of Kysely', () => {
  it.each(['repeatable read', 'serializable'] as const)(
    '%s are what an ambient one that has it gives',
    async (level) => {
      const database = server.open({ max: 4 });
      const kysely = boundTo(database)();
      const isolationLevel = level === 'serializable' ? 'SERIALIZABLE' : 'REPEATABLE_READ';
      const seen = await database.transaction(
        () => kysely.transaction().setIsolationLevel(level).execute(characteristics),
        { isolationLevel },
      );
      expect(seen).toMatchObject({ isolation: engine.levels[isolationLevel] });
      const writing = database.transaction(
        () =>
          kysely
            .transaction()
            .setAccessMode('read write')
            .execute((trx) => insert(trx, 1)),
        { readOnly: true },
      );
      expect(await rejection(writing)).toMatchObject({ code: 'INCOMPATIBLE_TRANSACTION' });
    },
  );
});
