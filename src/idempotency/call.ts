import type { Db } from '../database/index.ts';

/** What an idempotent call came to. */
export interface IdempotentAnswer<Result> {
  /** What the handler has returned, for this call or for an earlier one with the same key. */
  readonly value: Result;
  /** Whether it is that of an earlier call, and the handler did not run for this one. */
  readonly isReplayed: boolean;
}

/** An idempotent call, as it is run. */
export interface IdempotentCall<Value> {
  /** A handle on the client whose transaction has the effects. */
  readonly db: Db;
  /** Names the key in the table. */
  readonly id: string;
  /** What the key is for. */
  readonly scope: string;
  /** A hash of what is asked for. */
  readonly fingerprint: string;
  /** For how many milliseconds the key is kept. */
  readonly ttl: number;
  /** For how many milliseconds another call with the same key is waited for. */
  readonly timeout: number;
  /** The most bytes of an answer. */
  readonly maxAnswerBytes: number;
  /** Ends the wait for another call. */
  readonly signal: AbortSignal | undefined;
  /** Whether `transact` joins a transaction that is open. */
  readonly joins: boolean;
  /** Runs the transaction; where it begins one, the signal ends it. */
  transact<Result>(body: () => Promise<Result>, signal: AbortSignal | undefined): Promise<Result>;
  /** Has the effects, and gives the answer with what is stored of it. */
  handle(): Promise<{ readonly value: Value; readonly answer: string }>;
  /** The answer, from what was stored. */
  read(answer: string): Value;
}
