import type { QueryResult, Statement } from '../driver/index.ts';
import type { Checkout } from '../connection/index.ts';
import type { ControlCommand } from './control-command.ts';

/** What remains of a transaction after its end. */
export interface Remains {
  /** @throws TransactionEndedError */
  assertNotOver(): void;
}

/** What stands behind a connection that a library has checked out. */
export interface LibrarySession {
  /** Its own connection; none where it shares that of the ambient transaction. */
  readonly pinned: Checkout | undefined;
  /** The id of the server's process or thread; none before the first statement of a transaction. */
  readonly backendId: number | undefined;
  /**
   * @param isAlone `cancel` may take it back: nothing of the session is sent together with it
   * @throws the driver's error; TransactionEndedError
   */
  run(statements: readonly Statement[], isAlone?: boolean): Promise<readonly QueryResult[]>;
  /**
   * Starts, marks or ends what the library takes for its transaction.
   * @param statement how the library says it; what begins or ends a transaction may be left to the driver
   * @returns the server's answer, where it was asked
   */
  control(command: ControlCommand, statement?: Statement): Promise<QueryResult | undefined>;
  /**
   * What has ended with its transaction: for what comes after it was given back, and is to hold nothing of that.
   * @returns nothing where it was no share in the connection of a transaction
   */
  readonly remains: Remains | undefined;
  /** Takes back what was run last, if it has not ended: the server cancels it, or it is not sent. */
  cancel(): Promise<void>;
  /** Gives it back; what is left open on it is rolled back. Never rejects. */
  release(destroy: boolean): Promise<void>;
}

const givenBack = (): Promise<never> => Promise.reject(new TypeError('the connection was given back'));

/** The session of a connection that was given back; it refuses everything. */
export const releasedSession: LibrarySession = {
  pinned: undefined,
  backendId: undefined,
  remains: undefined,
  run: givenBack,
  control: givenBack,
  cancel: () => Promise.resolve(),
  release: () => Promise.resolve(),
};
