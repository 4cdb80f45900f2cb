// Every option of a transaction of Knex, in both forms: as with Knex alone, or refused by name.
import knexPackage, { type Knex } from 'knex';
import { afterEach } from 'vitest';
import type { Database } from '../../../src/index.ts';
import { createKnex } from '../../../src/integrations/knex/index.ts';
import { engine, useTestDatabase } from '../../support/database.ts';
import { insert, onMariadb } from './knex.ts';
import {
  characteristics as characteristicsOf,
  type OptionCase,
  type OptionCases,
  optionSuite,
  outcome,
} from './options-suite.ts';

type Open = () => Knex;
type Case = OptionCase<Open>;
type Transaction = (
  knex: Knex,
  body: (trx: Knex.Transaction) => Promise<unknown>,
  config: Knex.TransactionConfig,
) => Promise<unknown>;

const server = useTestDatabase();
const opened: Knex[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((knex) => knex.destroy()));
});

const keep = (knex: Knex): Knex => {
  opened.push(knex);
  return knex;
};

const characteristics = (trx: Knex): Promise<unknown> =>
  characteristicsOf(server, async (text) => {
    const answer = await trx.raw<{ rows: unknown[]; 0: unknown[] }>(text);
    return onMariadb ? answer[0] : answer.rows;
  });

const inFunction: Transaction = (knex, body, config) => knex.transaction(body, config);
const byHand: Transaction = async (knex, body, config) => {
  const trx = await knex.transaction(config);
  try {
    const result = await body(trx);
    if (!trx.isCompleted()) await trx.commit();
    return result;
  } catch (error) {
    if (!trx.isCompleted()) await trx.rollback();
    throw error;
  }
};

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
const noComma = { on: '`readOnly` with a level', why: 'the server has no such statement', sees: 'TRANSACTION_CONTROL' };
const own = {
  on: '`connection` of a transaction',
  why: 'the connection is that of the ambient transaction',
  sees: 'INVALID_OPTION',
};

type Level = NonNullable<Knex.TransactionConfig['isolationLevel']>;

function tableOf(
  transaction: Transaction,
  isByHand: boolean,
): Record<keyof Knex.TransactionConfig, Record<string, Case>> {
  // The server is asked outside of an ambient transaction, and Knex alone keeps its answer to itself.
  const asked = { on: 'A transaction that cannot begin', why: 'what could not begin is not handed out', sees: '42601' };
  const levels: Record<Level, Omit<Case, 'run'>> = {
    'read uncommitted': { inside: asItIs },
    // What the default of the server is: here of PostgreSQL, below of MariaDB.
    'read committed': onMariadb ? { inside: asItIs } : {},
    'repeatable read': onMariadb ? {} : { inside: tooMuch },
    serializable: { inside: tooMuch },
    snapshot: { inside: notKnown, outside: isByHand && !onMariadb ? asked : notKnown },
  };
  const rolledBack =
    (config: Knex.TransactionConfig): Case['run'] =>
    async (open) =>
      await outcome(
        transaction(
          open(),
          async (trx) => {
            await insert(trx, 1);
            await trx.rollback();
          },
          config,
        ),
      );
  return {
    isolationLevel: Object.fromEntries(
      (Object.keys(levels) as Level[]).map((isolationLevel) => [
        isolationLevel,
        { ...levels[isolationLevel], run: (open) => transaction(open(), characteristics, { isolationLevel }) },
      ]),
    ),
    readOnly: {
      true: {
        run: (open) => transaction(open(), characteristics, { readOnly: true }),
        inside: {
          on: 'Access mode in an ambient transaction',
          why: 'who only reads may join who writes',
          sees: ambient,
        },
      },
      false: { run: (open) => transaction(open(), characteristics, { readOnly: false }) },
      'with a level': {
        run: (open) => transaction(open(), characteristics, { readOnly: true, isolationLevel: 'read committed' }),
        // Knex writes no comma between them.
        ...(onMariadb ? { inside: noComma, outside: noComma } : { inside: asItIs }),
      },
    },
    userParams: {
      given: {
        run: (open) => transaction(open(), (trx) => Promise.resolve(trx.userParams), { userParams: { tenant: 7 } }),
      },
    },
    doNotRejectOnRollback: {
      true: { run: rolledBack({ doNotRejectOnRollback: true }) },
      false: { run: rolledBack({ doNotRejectOnRollback: false }) },
      undefined: { run: rolledBack({ doNotRejectOnRollback: undefined as never }) },
    },
    connection: {
      given: {
        run: async (open) => {
          const knex = open();
          const connection: unknown = await knex.client.acquireConnection();
          try {
            return await outcome(transaction(knex, (trx) => insert(trx, 1).then(() => 'inserted'), { connection }));
          } finally {
            await knex.client.releaseConnection(connection);
          }
        },
        inside: own,
        outside: own,
      },
    },
    enforceForeignCheck: {
      given: {
        run: (open) =>
          transaction(open(), (trx) => insert(trx, 1).then(() => 'inserted'), { enforceForeignCheck: true }),
      },
    },
  };
}

const nested: Record<string, Record<string, Case>> = {
  transaction: {
    'options of an inner one': {
      run: (open) =>
        open().transaction((trx) =>
          trx.transaction((inner) => insert(inner, 1).then(() => 'inserted'), {
            isolationLevel: 'serializable',
            readOnly: true,
          }),
        ),
    },
    'a level that is none': {
      run: (open) =>
        outcome(
          Promise.resolve().then(() => open().transaction(characteristics, { isolationLevel: 'bogus' as Level })),
        ),
    },
  },
};

const tables: Record<string, OptionCases<Open>> = {
  'in a function': tableOf(inFunction, false),
  'ended by hand': tableOf(byHand, true),
  nested,
};

optionSuite('a transaction of Knex', server, tables, {
  alone: () => () => keep(knexPackage.knex({ client: onMariadb ? 'mysql2' : 'pg', connection: server.url })),
  bound: (database: Database<'default'>) => () => keep(createKnex(database)),
});
