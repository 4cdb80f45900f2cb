import type { QueryRunner } from 'typeorm';
import { isBeginExpected, shareOfTransaction } from '../../ambient/index.ts';
import type { Database, Db } from '../../index.ts';

export interface RunnerSettings {
  readonly database: Database;
  readonly db: Db;
  readonly clientName: string | undefined;
  /** Takes a connection of the pool, as TypeORM's driver does. */
  readonly takeConnection: () => Promise<object>;
  /** The connection of each transaction for statements. */
  readonly connections: WeakMap<object, Promise<object>>;
  /** Is awaited before the first statement. */
  readonly onConnect: () => Promise<void>;
}

/**
 * Prepares a query runner for an ambient transaction. TypeORM takes a new one for each statement: those share
 * one client, and only a runner that begins something takes a client of its own, in which that is kept apart.
 */
export function joinTransaction(runner: QueryRunner, settings: RunnerSettings): QueryRunner {
  const { database, db, clientName, takeConnection, connections, onConnect } = settings;
  const connectByItself = runner.connect.bind(runner) as () => Promise<object>;
  const startTransaction = runner.startTransaction.bind(runner);
  const own = { databaseConnection: undefined as object | undefined };
  let isOwn = isBeginExpected();
  return Object.assign(runner, {
    // Pessimistic locks ask for it, and writing entities needs no transaction of its own.
    isTransactionActive: true,
    async connect(): Promise<object> {
      await onConnect();
      // What comes after the end of its scope is refused by the pool.
      if (isOwn || !db.inTransaction) return await connectByItself();
      own.databaseConnection ??= await shareOfTransaction(
        connections,
        { database, clientName, standsFor: false },
        takeConnection,
      );
      return own.databaseConnection ?? (await connectByItself());
    },
    async startTransaction(...args: Parameters<typeof startTransaction>): Promise<void> {
      isOwn = true;
      await startTransaction(...args);
    },
  });
}
