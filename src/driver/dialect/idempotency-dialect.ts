import type { Statement } from '../statement.ts';
import type { TableDialect } from './table-dialect.ts';

/** A key that a call wants for itself. */
export interface IdempotencyClaim {
  /** Names the key: a hash of what keeps it apart from others, and of itself. */
  readonly id: string;
  /** What the key is for, in words for those who look into the table. */
  readonly scope: string;
  /** Names the call: no other one has it. */
  readonly claimant: string;
  /** A hash of what is asked for. */
  readonly fingerprint: string;
  /** For how many milliseconds the key is kept. */
  readonly ttl: number;
}

/** The keys of idempotent calls on one engine, as its driver brings them: the table `sluice_idempotency`. */
export interface IdempotencyDialect extends TableDialect {
  /**
   * Adds the key, or takes over one that has expired; one that is there stays as it is. Waits for a transaction that has the key
   * and has not ended.
   */
  claim(claim: IdempotencyClaim): Statement;
  /**
   * A row of `{ claimant, fingerprint, answer }`, sent behind the claim in its transaction. It sees what others have committed,
   * whatever the isolation of the transaction.
   */
  find(id: string): Statement;
  /** Adds the answer to the key of the claimant. */
  answer(id: string, claimant: string, answer: string): Statement;
  /** Rows of `{ id }` of keys that have expired, at most `limit`: locked, and without those that others have locked. */
  expired(limit: number): Statement;
  /** Deletes keys. */
  remove(ids: readonly string[]): Statement;
  /** Whether the transaction of a claim that failed with this may be begun again: a serialization failure, a deadlock, a wait that was given up. */
  mayRepeat(error: unknown): boolean;
}
