import { shortPlace } from '../short-place.ts';

/**
 * What is wrong with a body that is repeated. `sentOtherwise`: its second attempt sent other statements or values, out of what
 * the first one left in the program. `calledOut`: it called another server or program, once for each attempt. `resultDiffers`,
 * `rowsDiffer`: it returned or wrote something else than without a failure. `argumentChanged`: what setup gave it was changed by
 * both attempts. `watchedDiffers`: the same for what `watch` looks at. In tests that are rolled back, `committedEachTime`: each
 * attempt wrote outside of the transaction of the test; `testFails`: the test passes where nothing is repeated.
 */
export type RepeatProblem =
  | 'sentOtherwise'
  | 'calledOut'
  | 'resultDiffers'
  | 'rowsDiffer'
  | 'committedEachTime'
  | 'argumentChanged'
  | 'watchedDiffers'
  | 'testFails';

/** One thing that a second attempt makes wrong. */
export interface RepeatFinding {
  /** What kind of thing. */
  readonly problem: RepeatProblem;
  /** What was seen, as a sentence without its full stop. It names statements, tables and places, and no values. */
  readonly what: string;
  /** Where the program does it, as `file:line:column`, where that is known. */
  readonly place: string | undefined;
  /** Where the transaction was begun, where that is known. */
  readonly transactionAt: string | undefined;
  /** What to do about it. */
  readonly remedy: string;
}

/** What to do about each kind. */
export const remedies: Readonly<Record<RepeatProblem, string>> = {
  sentOtherwise:
    'Make what the body changes anew inside of it, and keep it outside only once the transaction has committed, in afterCommit()',
  calledOut:
    'Call it from afterCommit(), or hand it over as a job or a message of the outbox, which go with the commit; where it may be called twice, as with an idempotency key, write allowForeignWaits(() => ...)',
  resultDiffers: 'Let the body return what this attempt has done alone, and begin its counters and lists inside of it',
  rowsDiffer:
    'Let the body keep no state of an attempt, and write in its transaction alone: REQUIRES_NEW and other connections commit once for each attempt',
  committedEachTime:
    'Write it in the transaction, or in afterCommit(); where it may be written for each attempt, as a log, write allowForeignWaits(() => ...)',
  testFails:
    'See the cause. Begin what a body changes anew inside of it, and keep it outside only once the transaction has committed, in afterCommit()',
  argumentChanged: 'Let the body work on a copy, and change what it was given in afterCommit()',
  watchedDiffers:
    'Move what changes it to afterCommit(), which runs once, or make it such that twice does no more than once',
};

/** A finding as a line of the report. */
export function inWords({ what, place, transactionAt }: RepeatFinding): string {
  const at = place === undefined ? '' : ` at ${shortPlace(place)}`;
  const begun = transactionAt === undefined ? '' : ` (transaction begun at ${shortPlace(transactionAt)})`;
  return `${what}${at}${begun}`;
}
