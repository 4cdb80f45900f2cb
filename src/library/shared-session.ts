import { type QueryResult, type Statement, TransactionControlError } from '../driver/index.ts';
import type { LibrarySession } from './library-session.ts';
import { type ErrorPlace } from '../core/index.ts';

type RunStatements = (statements: readonly Statement[]) => Promise<readonly QueryResult[]>;

/** The session of the connection that a pool's listeners get for a query of the pool; it holds no connection itself. */
export class SharedSession implements LibrarySession {
  readonly pinned: undefined;
  readonly backendId: undefined;
  readonly remains: undefined;
  readonly #run: RunStatements;
  readonly #at: () => ErrorPlace;

  /** @param at where it is, for errors */
  constructor(run: RunStatements, at: () => ErrorPlace) {
    this.#run = run;
    this.#at = at;
  }

  run(statements: readonly Statement[]): Promise<readonly QueryResult[]> {
    return this.#run(statements);
  }

  control(): Promise<undefined> {
    return Promise.reject(
      new TransactionControlError({
        what: "A pool's listener would begin or end a transaction on the connection of a query; it was not sent",
        remedy: 'Use transaction(), or a connection of your own',
        at: this.#at(),
      }),
    );
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}
