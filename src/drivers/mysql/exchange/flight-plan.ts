import type { Step } from '../../../driver/index.ts';
import { beginTexts } from '../sql/control.ts';
import { inspectText, isAllOrNothing, isCall } from '../sql/inspect.ts';
import { isMark } from '../sql/commit-mark.ts';
import { settingsIn } from '../sql/settings.ts';
import type { Session } from './session.ts';

/** Steps that are sent together. */
export interface PlannedFlight {
  readonly steps: readonly Step[];
  readonly kind: FlightKind;
}

/**
 * `alone`: a statement outside of a transaction, with which its COMMIT travels. `single`: a transaction of one statement. `whole`: of
 * a transaction whose steps are all known, so that nothing of it stays when one fails. `part`: of one that goes on.
 */
export type FlightKind = 'alone' | 'single' | 'whole' | 'part';

/** The most statements of a batch that are sent before their answers are read. */
const batchSize = 50;

/**
 * Cuts an exchange into flights. The server carries out what follows a failure, so only such steps share a flight
 * of which the later ones do no harm then: what begins something with the first statement in it, since that is
 * rolled back; all statements of a transaction that is known as a whole; and a COMMIT only with the single
 * statement that there is to commit.
 */
export function planFlights(
  steps: readonly Step[],
  { isOpen, commitsApart }: Pick<Session, 'isOpen' | 'commitsApart'>,
): readonly PlannedFlight[] {
  const [first] = steps;
  if (first?.type === 'begin' && steps.at(-1)?.type === 'commit') return planWhole(first, steps, commitsApart);
  const isAlone = !isOpen && first?.type === 'statement';
  const flights: PlannedFlight[] = [];
  let gathered: Step[] = [];
  for (const step of steps) {
    if (isCallOf(step) && gathered.some((each) => settingsIn(each) !== undefined)) {
      flights.push({ steps: gathered, kind: 'part' });
      gathered = [];
    }
    gathered.push(step);
    // Nothing of the transaction stays where they fail. Outside of one the statement would be committed.
    if (!isAlone && (settingsIn(step) !== undefined || isMark(step))) continue;
    if (step.type !== 'statement' && step.type !== 'commit' && step.type !== 'rollback') continue;
    const isControl = step.type === 'statement' && inspectText(step.statement.text) === 'control';
    const isPart = !isAlone || isControl || settingsIn(step) !== undefined;
    flights.push({ steps: gathered, kind: isPart ? 'part' : 'alone' });
    gathered = [];
  }
  if (gathered.length > 0) flights.push({ steps: gathered, kind: 'part' });
  return flights;
}

function planWhole(
  begin: Extract<Step, { type: 'begin' }>,
  steps: readonly Step[],
  commitsApart: boolean,
): readonly PlannedFlight[] {
  const own = steps.filter((step) => settingsIn(step) === undefined);
  const [, only] = own;
  const isSingle =
    !commitsApart &&
    own.length === 3 &&
    only?.type === 'statement' &&
    (own.length === steps.length ? isAllOrNothing : onlyReads)(only.statement.text);
  if (isSingle && beginTexts(begin.characteristics).length === 0) return [{ steps, kind: 'single' }];
  const flights: PlannedFlight[] = [];
  const settings = steps.some(isCallOf) ? steps.findLastIndex((step) => settingsIn(step) !== undefined) + 1 : 0;
  if (settings > 0) flights.push({ steps: steps.slice(0, settings), kind: 'whole' });
  for (let at = settings; at < steps.length - 1; at += batchSize) {
    flights.push({ steps: steps.slice(at, Math.min(at + batchSize, steps.length - 1)), kind: 'whole' });
  }
  return [...flights, { steps: steps.slice(-1), kind: 'whole' }];
}

/** Whether it does no harm where its settings have failed, which is known when it was committed. What is called may write. */
function onlyReads(text: string): boolean {
  return inspectText(text) === 'read' && !text.includes('(');
}

/** A procedure may commit what it has done with settings that were refused, so it is not sent with them. */
function isCallOf(step: Step): boolean {
  return step.type === 'statement' && isCall(step.statement.text);
}
