import { closings, currentFrame, notBegun } from '../../context/index.ts';
import type { Outcome } from '../../connection/index.ts';
import { deadlineOf, mayRepeat, Repetition, timeLeft } from '../../transaction/index.ts';
import { Attempt, type Ended } from './attempt.ts';
import { TwoPhaseInDoubtError } from './errors.ts';
import type { Plan } from './plan.ts';

/** Runs it, and again after what another attempt may not meet. */
export async function coordinate<Result>(plan: Plan, body: () => Result | PromiseLike<Result>): Promise<Result> {
  const { options } = plan;
  const { client } = plan.first;
  client.pool.assertAdmits(currentFrame()?.begun ?? notBegun);
  const deadline = deadlineOf(client, options);
  const since = closings.count;
  let previous: Ended<Result>['first']['transaction'] | undefined;
  let repetition: Repetition | undefined;
  try {
    for (let number = 1; ; number += 1) {
      const attempt = new Attempt(plan, body, { previous, since, timeout: timeLeft(client, deadline) });
      const ended = await attempt.run();
      const { error, first } = ended;
      previous = first.transaction;
      if (!mayRepeatAll(ended, options.retry?.lockTimeouts)) return conclude(attempt.id, ended);
      repetition ??= new Repetition(client, options, deadline);
      if (!(await repetition.next(number, first.transaction, error?.thrown))) return conclude(attempt.id, ended);
    }
  } finally {
    repetition?.end();
  }
}

/** Only where all is known to be rolled back, for a reason that one of its transactions knows. */
function mayRepeatAll(ended: Ended<unknown>, lockTimeouts: boolean | undefined): boolean {
  const all = [ended.first, ...ended.others];
  const isUndone = ended.left.length === 0 && all.every(({ transaction }) => transaction.outcome === 'rolledBack');
  const isOutside = ended.first.transaction.cancellation.requested !== undefined;
  return isUndone && !isOutside && all.some((each) => mayRepeat(each, lockTimeouts));
}

/** What the caller gets. @throws TwoPhaseInDoubtError, and what the transactions have thrown */
function conclude<Result>(id: string, ended: Ended<Result>): Result {
  const { first, left, error } = ended;
  const { outcome } = first.transaction;
  if (left.length > 0 && outcome !== 'rolledBack') throw inDoubt(id, ended, outcome);
  if (error !== undefined) throw error.thrown;
  if ('value' in first.result) return first.result.value;
  throw first.result.error;
}

function inDoubt(
  id: string,
  { first, left, error }: Ended<unknown>,
  outcome: Outcome | undefined,
): TwoPhaseInDoubtError {
  const clients = left.map((name) => `"${name}"`).join(', ');
  const { name: clientName } = first.transaction.client;
  const isCommitted = outcome === 'committed';
  return new TwoPhaseInDoubtError({
    what: isCommitted
      ? `A two-phase commit is decided: it is committed on client "${clientName}", but ${clients} did not confirm it and may still have it prepared`
      : `The answer to the decision of a two-phase commit was lost on client "${clientName}": its parts on ${clients} stay prepared until it is known`,
    remedy: isCommitted
      ? 'Do not repeat it. Run recoverTwoPhase(), which ends it, as any process can'
      : 'Do not repeat it before recoverTwoPhase() has ended it: it is committed or rolled back on all clients then',
    cause: error?.thrown,
    at: { clientName },
    id,
    decision: isCommitted ? 'committed' : undefined,
    clientNames: left,
    result: isCommitted && 'value' in first.result ? first.result.value : undefined,
  });
}
