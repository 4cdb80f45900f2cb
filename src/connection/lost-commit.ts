import type { ErrorPlace } from '../core/index.ts';
import { type DriverConnection, type Exchange, type Failure, mayHaveCommitted } from '../driver/index.ts';
import type { CommitMark } from '../riders/index.ts';
import { answerLost, lostInAutocommit, undoneInAutocommit } from './failures.ts';
import type { Results, TransactionalClient } from './transactional-client.ts';

/** An exchange with a COMMIT in it, whose connection was lost before that was answered. */
export interface LostWithCommit extends Exchange {
  readonly failure: Failure;
}

export function isLostWithCommit(exchange: Exchange): exchange is LostWithCommit {
  const { failure, ended } = exchange;
  return failure?.kind === 'connectionLost' && ended === undefined && mayHaveCommitted(failure);
}

/** @throws AnswerLostError where some are missing of what has taken effect */
export function resultsOf({ failure, results }: LostWithCommit, count: number, what: string, at: ErrorPlace): Results {
  if (results.length < count) throw answerLost(what, at, failure.error);
  return results;
}

/** Asks the server how a transaction has ended, where it can be asked. */
export async function outcomeOf(
  mark: CommitMark | undefined,
  connection: DriverConnection | undefined,
  client: TransactionalClient,
  signal: AbortSignal | undefined,
): Promise<{ readonly outcome: 'committed' | 'rolledBack' | undefined; readonly refusal?: unknown }> {
  try {
    return { outcome: await mark?.resolve(connection, client, signal) };
  } catch (refusal) {
    return { outcome: undefined, refusal };
  }
}

/** What becomes of statements outside of a transaction that were one of their own. */
export async function resolvedAlone(
  lost: LostWithCommit,
  mark: CommitMark | undefined,
  connection: DriverConnection,
  count: number,
  { client, at, signal }: { client: TransactionalClient; at: ErrorPlace; signal: AbortSignal | undefined },
): Promise<Results> {
  const { outcome, refusal } = await outcomeOf(mark, connection, client, signal);
  if (outcome === 'committed') return resultsOf(lost, count, 'a call outside of a transaction', at);
  if (outcome === 'rolledBack') throw undoneInAutocommit(at, lost.failure.error);
  throw lostInAutocommit(at, refusal ?? lost.failure.error);
}
