import { QueueUnavailableError } from '../../engine/index.ts';

/** Too many connections, no resources; it starts; a conflict with others. */
const temporary = /^(?:53|57P03|40)/;
/** The connection was lost, or is ended by the server, perhaps after the commit. */
const interrupted = /^(?:08|57P01|57P02)/;

/** Whether the server may have carried a statement out that failed with this. */
export function mayHaveHappened(error: unknown): boolean {
  return !(error instanceof QueueUnavailableError || isAnswer(error));
}

/** Whether the server said that it has not carried a statement out. */
function isAnswer(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !interrupted.test(state);
}

/** What failed and did nothing, and may do so the next time, as an error that says so; any other error as it is. */
export function asUnavailable(error: unknown): unknown {
  return temporary.test(sqlState(error) ?? '') ? notReached(error) : error;
}

/** The same for what comes before a job is sent: whatever became of that, no job was. */
export function asNotSent(error: unknown): unknown {
  return mayHaveHappened(error) ? notReached(error) : asUnavailable(error);
}

export function notReached(cause: unknown): QueueUnavailableError {
  return new QueueUnavailableError({
    what: 'The database of pg-boss is unreachable; no job was sent to it',
    remedy: 'See the cause. Check that it runs, accepts this user, and has connections left',
    cause,
  });
}

function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
