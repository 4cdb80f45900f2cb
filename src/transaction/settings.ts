import type { OpenTransaction } from '../context/index.ts';
import type { Origin } from '../core/index.ts';
import type { TransactionCharacteristics } from '../driver/index.ts';
import type { TransactionalClient } from './client.ts';

/** What a physical transaction is made from. */
export interface TransactionSettings {
  readonly client: TransactionalClient;
  readonly level: number;
  readonly outer: OpenTransaction | undefined;
  /** The same object for all attempts of one call; none for the first. */
  readonly call: object | undefined;
  /** Where it was asked for. */
  readonly origin: Origin;
  readonly name: string | undefined;
  readonly characteristics: TransactionCharacteristics;
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
}
