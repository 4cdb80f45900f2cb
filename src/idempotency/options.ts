import { anything, type Check, integer, label, milliseconds, oneOf, optionsOf } from '../core/index.ts';
import type { TransactionOptions } from '../transaction/index.ts';
import { aFingerprint } from './key.ts';

/** Of the transaction of an idempotent call. */
export interface IdempotentTransactionOptions extends Omit<TransactionOptions, 'readOnly' | 'rollbackOn'> {
  /**
   * What happens where a transaction is open already. With `REQUIRED` and `MANDATORY` the key is claimed in that one, and its answer
   * is kept if that commits. Default `REQUIRED`.
   */
  readonly propagation?: 'REQUIRED' | 'REQUIRES_NEW' | 'NESTED' | 'MANDATORY' | undefined;
}

/** Options of `idempotent`. */
export interface IdempotentOptions<Name extends string = string> {
  /** Names the request: the same for each repetition of it, and of no other. 1 to 255 characters, without control characters. */
  readonly key: string;
  /** What the key is for: calls with other scopes may use the same keys. Those of tenants are apart without it. At most 500 characters. */
  readonly scope: string;
  /** What is asked for, as text or bytes, of which a hash is stored: the key is refused for anything else. Default: not compared. */
  readonly fingerprint?: string | Uint8Array | undefined;
  /** For how long the answer is kept, in milliseconds from the beginning of the call. Default 86,400,000 (a day). */
  readonly ttl?: number | undefined;
  /**
   * For how many milliseconds another call with the same key is waited for; also how long is looked for what a COMMIT without an
   * answer has left. Default 10,000. Where the call joins a transaction, the limits of that transaction hold in its place.
   */
  readonly timeout?: number | undefined;
  /** The most bytes of JSON that an answer may have. Default 1,048,576. */
  readonly maxAnswerBytes?: number | undefined;
  /** The client that has the effects and the key. Default: the current client. */
  readonly clientName?: Name | undefined;
  /** Of the transaction. */
  readonly transaction?: IdempotentTransactionOptions | undefined;
}

/** The propagations in which there is a transaction. */
export const propagations: readonly NonNullable<IdempotentTransactionOptions['propagation']>[] = [
  'REQUIRED',
  'REQUIRES_NEW',
  'NESTED',
  'MANDATORY',
];

const transactionChecks: Record<keyof IdempotentTransactionOptions, Check> = {
  propagation: oneOf(propagations),
  isolationLevel: anything,
  timeout: anything,
  signal: anything,
  retry: anything,
  name: anything,
};

/** Of those options that routes of servers have too. */
export const keptChecks: Record<'ttl' | 'timeout' | 'maxAnswerBytes', Check> = {
  ttl: milliseconds(1),
  timeout: milliseconds(1),
  maxAnswerBytes: integer(1, 64 * 1024 * 1024, 'bytes'),
};

/** Where they are not given. */
export const defaults: { readonly ttl: number; readonly timeout: number; readonly maxAnswerBytes: number } = {
  ttl: 86_400_000,
  timeout: 10_000,
  maxAnswerBytes: 1024 * 1024,
};

/** The checks of the options. */
export const idempotentChecks: Record<keyof IdempotentOptions, Check> = {
  ...keptChecks,
  // It comes from outside, and has an error of its own.
  key: anything,
  scope: label(500),
  fingerprint: aFingerprint,
  clientName: anything,
  transaction: optionsOf('The option "transaction"', transactionChecks),
};
