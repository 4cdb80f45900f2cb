import type { InterleavedEnd, InterleavedStep } from './timeline.ts';

/** What an order has come to that it must not. */
export interface Anomaly {
  /** What was found out; of an invariant, with the message of what it threw. */
  readonly found: string;
  /** What such an anomaly is called. */
  readonly kind: AnomalyKind;
  /** The read and the write that others came between, where such are found. */
  readonly pair: StatementPair | undefined;
  /** How often the order goes from an actor that could move on to another one; no order that was tried with fewer was wrong in this way. */
  readonly switches: number;
  /** The steps, in the order in which they were sent. */
  readonly steps: readonly InterleavedStep[];
  /** Where the actors ran one after the other, and nothing came between: what that means, and what to do. */
  readonly explanation: string | undefined;
  /** How the actors ended. */
  readonly ends: readonly InterleavedEnd[];
  /** What the invariant has thrown, where it has thrown something. */
  readonly error?: unknown;
}

/**
 * `lost update`: what another one wrote was overwritten. `oversell`: the same, or written twice, of a number that was read and
 * counted down, and more actors got what they wanted than in any serial order. `write skew`: something was written because of what another one had
 * changed since. `phantom`: the same, with a row that was inserted. `dirty read`: something was read that another one had written and
 * not committed. `non-repeatable read`: the same was read again, and had changed. `stale read`: something that was read had changed
 * since, and no write tells what became of it. `other`: none of these is seen in the statements.
 */
export type AnomalyKind =
  | 'lost update'
  | 'oversell'
  | 'write skew'
  | 'phantom'
  | 'dirty read'
  | 'non-repeatable read'
  | 'stale read'
  | 'other';

/** Two statements of one actor that rely on each other, and what came between them. */
export interface StatementPair {
  /** Who read and wrote. */
  readonly actor: string;
  /** Who came between. */
  readonly other: string;
  /** The table that was read, and changed in between; with its schema where the statement has it. */
  readonly table: string;
  /** Where it was read, as `file:line:column`, where that is known. */
  readonly readAt: string | undefined;
  /** Where it was written, or read again. */
  readonly usedAt: string | undefined;
  /** Both as a sentence. */
  readonly inWords: string;
}

/** What was tried against anomalies. */
export interface TriedRemedy {
  /** What it is. */
  readonly remedy: string;
  /** Whether no order went wrong with it, of those that were tried; undefined where none was. */
  readonly works: boolean | undefined;
  /** How many orders were tried with it; 0 where no time was left for it. */
  readonly orders: number;
  /** Whether these are all that there are. */
  readonly isComplete: boolean;
  /** All of it as a sentence. */
  readonly inWords: string;
}
