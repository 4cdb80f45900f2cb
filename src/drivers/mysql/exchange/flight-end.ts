import type { Failure, Reach, Step } from '../../../driver/index.ts';
import type { Landing } from './flight.ts';
import type { FlightKind } from './flight-plan.ts';
import { rollBack, type Session } from './session.ts';

/** What failed in a flight: a step, or the COMMIT that travels with a statement. `rider`: what goes ahead of a statement, with it. */
export type FailedStep = Step['type'] | 'rider' | 'nothing';

/**
 * What the end of a flight means for the transaction.
 * `ended`: none is left. `follows`: it is as the server says. `mayEnd`: the statement alone was undone, unless its failure has ended
 * the transaction. `fails`: only a rollback is of use. `failsWhole`: so it is, and nothing of it can be kept. `inDoubt`: it may be
 * open or not, and is rolled back at once.
 */
type FlightMeaning = 'ended' | 'follows' | 'mayEnd' | 'fails' | 'failsWhole' | 'inDoubt';

const ofControl = {
  begin: 'inDoubt',
  commit: 'inDoubt',
  rollback: 'failsWhole',
  savepoint: 'failsWhole',
  release: 'failsWhole',
  rollbackTo: 'failsWhole',
} as const satisfies Partial<Record<FailedStep, FlightMeaning>>;

const meanings: Readonly<Record<FlightKind, Readonly<Record<FailedStep, FlightMeaning>>>> = {
  // The COMMIT has ended what the statement began, whether that has failed or not.
  alone: { ...ofControl, nothing: 'ended', statement: 'ended', rider: 'ended' },
  // There was nothing but the statement to commit.
  single: { ...ofControl, nothing: 'follows', statement: 'ended', rider: 'ended' },
  // What follows the statement was carried out.
  whole: { ...ofControl, nothing: 'follows', statement: 'fails', rider: 'failsWhole' },
  part: { ...ofControl, nothing: 'follows', statement: 'mayEnd', rider: 'failsWhole' },
};

/** What the end of a flight means of which the server has answered everything. */
export function meaningOf(kind: FlightKind, failed: FailedStep): FlightMeaning {
  return meanings[kind][failed];
}

/**
 * Updates the session from the end of a flight, so that nothing stays of what was carried out although something before it had
 * failed. Most flights need nothing to be sent for that, and no promise.
 * @param setsCharacteristics a text has set those of the next transaction
 */
export function settleFlight(
  session: Session,
  meaning: FlightMeaning,
  failure: Failure | undefined,
  setsCharacteristics: boolean,
): Promise<void> | undefined {
  if (meaning === 'ended') session.ended();
  if (meaning === 'follows') session.follow(setsCharacteristics);
  if (failure === undefined) return undefined;
  if (meaning === 'inDoubt') return rollBack(session, failure);
  if (meaning === 'fails' || (meaning === 'mayEnd' && failure.endsTransaction === true)) session.fail(failure);
  if (meaning === 'failsWhole') session.fail({ ...failure, endsTransaction: true });
  return undefined;
}

/**
 * How far an exchange has come of which a flight was lost.
 * @param hasSent a flight before this one was sent
 * @param hasFailed a step is known to have failed
 */
export function reachOf(
  kind: FlightKind,
  { answers, isSent }: Landing,
  {
    hasSent,
    carriesCommit,
    hasFailed,
  }: { readonly hasSent: boolean; readonly carriesCommit: boolean; readonly hasFailed: boolean },
): Reach {
  if (answers.length === 0 && !hasSent) return isSent ? 'unanswered' : 'unsent';
  if (kind === 'alone') return 'open';
  // What travels with a COMMIT is the only statement that there is to commit.
  return isSent && carriesCommit && !hasFailed ? 'open' : 'uncommitted';
}
