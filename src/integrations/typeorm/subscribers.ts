import type { DataSource, QueryRunner } from 'typeorm';
import { oncePerTransaction } from '../../library/index.ts';
import type { Database } from '../../index.ts';

/** What tells subscribers; TypeORM's types do not name it. */
interface Broadcaster {
  broadcast(event: string, ...args: unknown[]): Promise<void>;
}

const transactionEvent = /^(?:Before|After)Transaction(?:Start|Commit|Rollback)$/;

/**
 * Tells the subscribers of a data source of transactions: of each ambient one its start, and its commit or
 * rollback when that has happened, once, however many of TypeORM's own are nested in it.
 */
export class TransactionEvents {
  readonly #dataSource: DataSource;
  readonly #database: () => Database;
  readonly #clientName: string | undefined;
  readonly #told = new WeakSet<object>();

  constructor(dataSource: DataSource, database: () => Database, clientName: string | undefined) {
    this.#dataSource = dataSource;
    this.#database = database;
    this.#clientName = clientName;
  }

  /** Notifies subscribers of the transaction that is ambient here, once. */
  async begun(): Promise<void> {
    if (this.#dataSource.subscribers.length === 0) return;
    const db = this.#database().getDb({ clientName: this.#clientName });
    let started: Promise<void> | undefined;
    oncePerTransaction(this.#told, this.#database(), this.#clientName, () => {
      db.beforeCommit(() => this.#tell('BeforeTransactionCommit'));
      db.commit(() => this.#tell('AfterTransactionCommit'));
      db.compensate(() => this.#tell('BeforeTransactionRollback', 'AfterTransactionRollback'));
      started = this.#tell('BeforeTransactionStart', 'AfterTransactionStart');
    });
    await started;
  }

  /** A runner in an ambient transaction does not speak of transactions itself. */
  quieten(runner: QueryRunner, isInTransaction: () => boolean): void {
    const broadcaster = broadcasterOf(runner);
    const broadcast = broadcaster.broadcast.bind(broadcaster);
    broadcaster.broadcast = (event, ...args) =>
      transactionEvent.test(event) && isInTransaction() ? Promise.resolve() : broadcast(event, ...args);
  }

  async #tell(...events: readonly string[]): Promise<void> {
    const runner = this.#dataSource.driver.createQueryRunner('master');
    Object.assign(runner, { manager: this.#dataSource.createEntityManager(runner) });
    try {
      for (const event of events) await broadcasterOf(runner).broadcast(event);
    } finally {
      await runner.release();
    }
  }
}

function broadcasterOf(runner: QueryRunner): Broadcaster {
  return runner.broadcaster;
}
