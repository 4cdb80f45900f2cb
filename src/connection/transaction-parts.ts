import type { OpenTransaction, TransactionRecord } from '../context/index.ts';
import type { Origin } from '../core/index.ts';
import type { TransactionCharacteristics } from '../driver/index.ts';
import type { TransactionSettings } from '../riders/index.ts';
import type { TransactionalClient } from './transactional-client.ts';

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
}
