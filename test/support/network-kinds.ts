import { statement, withContext } from '../../src/index.ts';
import type { Kind, TestDatabase } from './network-runs.ts';

/** Adds a row of a run in whatever is ambient. */
function add(database: TestDatabase, id: number, part: number, last = false): Promise<unknown> {
  return database.current.query(insert, [id, part], { last });
}

const insert = 'insert into trace (run, part) values ($1, $2)';
const nested = { propagation: 'NESTED' } as const;

class OrderRefused extends Error {
  readonly code = 'ORDER_REFUSED';
}

/** The kinds of transaction that every engine has. */
export const kinds: readonly Kind[] = [
  {
    name: 'plain',
    rows: 2,
    run: (database, id, { noteHooks, timeout }) =>
      database.transaction(
        async () => {
          noteHooks();
          await add(database, id, 1);
          await add(database, id, 2);
        },
        { timeout },
      ),
  },
  {
    name: 'last',
    rows: 2,
    run: (database, id, { noteHooks, timeout }) =>
      database.transaction(
        async () => {
          noteHooks();
          await add(database, id, 1);
          await add(database, id, 2, true);
        },
        { timeout },
      ),
  },
  {
    name: 'only and last',
    rows: 1,
    run: (database, id, { noteHooks, timeout }) =>
      database.transaction(
        async () => {
          noteHooks();
          await add(database, id, 1, true);
        },
        { timeout },
      ),
  },
  {
    name: 'last, its error swallowed',
    rows: 1,
    run: (database, id, { noteHooks, timeout }) =>
      database.transaction(
        async () => {
          noteHooks();
          await add(database, id, 1, true).catch(() => {});
        },
        { timeout },
      ),
  },
  {
    name: 'batch',
    rows: 3,
    isHookless: true,
    run: (database, id, { timeout }) =>
      database.transaction.batch(
        [1, 2, 3].map((part) => statement(insert, [id, part])),
        { timeout },
      ),
  },
  {
    name: 'nested',
    rows: 3,
    run: (database, id, { noteHooks, timeout }) =>
      database.transaction(
        async () => {
          noteHooks();
          await add(database, id, 1);
          await database.transaction(() => add(database, id, 2), nested);
          await add(database, id, 3);
        },
        { timeout },
      ),
  },
  {
    name: 'nested, caught',
    rows: 2,
    run: (database, id, { noteHooks, timeout }) =>
      database.transaction(
        async () => {
          noteHooks();
          await add(database, id, 1);
          const inner = database.transaction(async () => {
            await add(database, id, 2);
            throw new OrderRefused('refused');
          }, nested);
          await inner.catch((error: unknown) => {
            if (!(error instanceof OrderRefused)) throw error;
          });
          await add(database, id, 3);
        },
        { timeout },
      ),
  },
  {
    name: 'thrown',
    rows: 1,
    run: (database, id, { noteHooks, timeout }) =>
      database.transaction(
        async () => {
          noteHooks();
          await add(database, id, 1);
          throw new OrderRefused('refused');
        },
        { timeout },
      ),
  },
  {
    name: 'serializable',
    rows: 1,
    run: (database, id, { noteHooks, timeout }) =>
      database.transaction(
        async () => {
          noteHooks();
          await add(database, id, 1);
        },
        { isolationLevel: 'SERIALIZABLE', timeout },
      ),
  },
  {
    name: 'alone',
    rows: 1,
    isAlone: true,
    run: (database, id, { timeout }) =>
      timeout === undefined ? add(database, id, 1) : withContext({ timeout }, () => add(database, id, 1)),
  },
];
