import type { RunningWork } from '../connection/index.ts';
import { Frame, runInFrame, toTheEnd } from '../context/index.ts';
import { clientOf, type Db } from '../database/index.ts';

/**
 * Runs work that holds no connection all of the time, and that a closing database waits for as it does for a transaction.
 * @param end is called where it takes longer than the timeout of `close()`, with the reason
 */
export async function underWay<Result>(
  db: Db,
  run: () => Promise<Result>,
  end: (reason: unknown) => void,
): Promise<Result> {
  const { work } = clientOf(db);
  const item: RunningWork = { abort: end };
  work.add(item);
  try {
    return await run();
  } finally {
    work.delete(item);
  }
}

/** The same for what was taken from a table, with nothing that is ambient here: it can be given back after that timeout, too. */
export async function takenUnderWay<Result>(
  db: Db,
  run: () => Promise<Result>,
  end: (reason: unknown) => void,
): Promise<Result> {
  const frame = new Frame(undefined, { client: undefined, scope: undefined, since: toTheEnd });
  return await underWay(db, () => runInFrame(frame, run, undefined), end);
}
