import type { Frame, OpenTransaction, TransactionRecord } from '../context/index.ts';
import type { Origin } from '../core/index.ts';
import type { DriverConnection, Statement, TransactionCharacteristics } from '../driver/index.ts';
import type { OnSent } from '../observation/index.ts';
import type { TransactionSettings } from '../riders/index.ts';
import type { TransactionalClient } from './transactional-client.ts';

/** What speaks to the server in place of a connection, with commands of its own for the beginning and the end of its transaction. */
export type Through = (connection: DriverConnection) => DriverConnection;

/** What a physical transaction is made from. */
export interface TransactionParts {
  readonly client: TransactionalClient;
  readonly outer: OpenTransaction | undefined;
  readonly record: TransactionRecord;
  /** The attempt of the same call before this one; none for the first. */
  readonly previous: { readonly call: object } | undefined;
  /** Where it was asked for. */
  readonly origin: Origin;
  readonly characteristics: TransactionCharacteristics;
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** What it sets by context, if anything. */
  readonly settings: TransactionSettings | undefined;
  /** What stands between it and its connection; nothing in most. It finds out by itself how a COMMIT without an answer has ended. */
  readonly through?: Through | undefined;
}

/** Statements that travel together. */
export interface SentStatements {
  readonly statements: readonly Statement[];
  /** The frame from which they are sent. */
  readonly frame: Frame;
  /** Whether one of them may write. */
  readonly write: boolean;
  /** They may be taken back as long as it is not their turn, so that they neither follow nor are followed. */
  readonly isAlone?: boolean | undefined;
  /** Is told when they are sent. */
  readonly onSent?: OnSent | undefined;
}
