import { sleep } from '../../core/index.ts';
import type { Outcome } from '../../connection/index.ts';
import { mayRepeat, noteRetry } from '../../transaction/index.ts';
import { Attempt, type Ended } from './attempt.ts';
import { TwoPhaseInDoubtError } from './errors.ts';
import type { Plan } from './plan.ts';

const defaultDelay = 20;
const longestDelay = 5_000;

/** Runs it, and again after what another attempt may not meet. */
export async function coordinate<Result>(plan: Plan, body: () => Result | PromiseLike<Result>): Promise<Result> {
  const { client } = plan.first;
  const { timeout, signal, retry } = plan.options;
  const { attempts = 1, delay = defaultDelay, lockTimeouts = false } = retry ?? {};
  const deadline = timeout === undefined ? undefined : client.clock.now() + timeout;
  let previous: Ended<Result>['first']['transaction'] | undefined;
  for (let number = 1; ; number += 1) {
    const left = deadline === undefined ? undefined : Math.max(1, deadline - client.clock.now());
    const attempt = new Attempt(plan, body, { previous, timeout: left });
    const ended = await attempt.run();
    previous = ended.first.transaction;
    const pause = Math.min(delay * 2 ** (number - 1), longestDelay) * (0.5 + client.random() / 2);
    const inTime = deadline === undefined || client.clock.now() + pause < deadline;
    if (number >= attempts || !inTime || !mayRepeatAll(ended, lockTimeouts)) return conclude(attempt.id, ended);
    noteRetry(ended.first.transaction, pause, ended.error);
    await sleep(client.clock, pause, signal);
  }
}

/** Only where all is known to be rolled back, for a reason that one of its transactions knows. */
function mayRepeatAll(ended: Ended<unknown>, lockTimeouts: boolean): boolean {
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
