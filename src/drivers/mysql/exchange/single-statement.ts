import { type Exchange, rememberTexts, type Statement, type Step } from '../../../driver/index.ts';
import { beginTexts } from '../sql/control.ts';
import { describeFailure, describeLoss } from './failure.ts';
import { inspectText, isCall, mayBeFollowed } from '../sql/inspect.ts';
import type { Landing } from './flight.ts';
import { meaningOf, reachOf, settleFlight } from './flight-end.ts';
import { type Session, withoutValues } from './session.ts';
import { resultOf, type SentStatement, toSend } from './statement.ts';

/** Whether a text is nothing but a statement: it begins and ends nothing, and is no procedure that could. */
const isPlain: (text: string) => boolean = rememberTexts((text) => inspectText(text) !== 'control' && !isCall(text));

/**
 * Runs one statement, by itself or in a transaction, perhaps as its first, as most exchanges are: without what it takes
 * to tell apart several steps. Nothing where it is not as simple as that.
 * @throws InvalidOptionError for values that cannot be sent; nothing is sent then
 */
export function runSingleStatement(session: Session, steps: readonly Step[]): Promise<Exchange> | undefined {
  const [first, second] = steps;
  const begins = steps.length === 2 && first?.type === 'begin' && beginTexts(first.characteristics).length === 0;
  const step = begins ? second : first;
  if (session.failure !== undefined || step?.type !== 'statement' || steps.length > (begins ? 2 : 1)) return undefined;
  const { statement } = step;
  if (!isPlain(statement.text)) return undefined;
  const sent = toSend(statement);
  if (!session.runsAtOnce(sent)) return undefined;
  if (begins) session.begun(false);
  return fly(session, statement, sent, begins ? 1 : 0);
}

/** @param before how many steps need nothing to be sent */
async function fly(session: Session, statement: Statement, sent: SentStatement, before: number): Promise<Exchange> {
  const isAlone = !session.isOpen;
  const flight = session.flight();
  flight.statement(sent);
  // What `autocommit` would be.
  if (isAlone) flight.text('COMMIT');
  const landing = await session.send(flight, !isAlone && mayBeFollowed(statement.text));
  return await conclude(session, statement, landing, { isAlone, before });
}

/** What a statement came to whose flight was answered, and what it means for the transaction. */
export async function conclude(
  session: Session,
  statement: Statement,
  landing: Landing,
  { isAlone, before }: { readonly isAlone: boolean; readonly before: number },
): Promise<Exchange> {
  const kind = isAlone ? 'alone' : 'part';
  const { lost } = landing;
  if (lost !== undefined) return failed(before, describeLoss(lost, reachOf(kind, landing, nothingBefore)));
  const [answer, commit] = landing.answers;
  const error = answer?.error === undefined ? undefined : withoutValues(answer.error, statement);
  const refused = commit?.error;
  const cause = error ?? refused;
  const failure = cause === undefined ? undefined : describeFailure(cause);
  const failedAt = failure === undefined ? 'nothing' : 'statement';
  const settling = settleFlight(session, meaningOf(kind, refused === undefined ? failedAt : 'commit'), failure, false);
  if (settling !== undefined) await settling;
  if (failure !== undefined) return failed(before, failure);
  return {
    completed: before + 1,
    results: [resultOf(statement, answer?.rows, answer?.fields)],
    failure: undefined,
    ended: undefined,
  };
}

const nothingBefore = { hasSent: false, carriesCommit: false, hasFailed: false } as const;

function failed(completed: number, failure: NonNullable<Exchange['failure']>): Exchange {
  return { completed, results: [], failure, ended: undefined };
}
