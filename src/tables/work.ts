import { Frame, runInFrame } from '../context/index.ts';
import { type Database, internalsOf } from '../database/index.ts';

/** Work that goes on between its transactions. */
export interface LongWork {
  readonly database: Database;
  /** The client that it lives on. */
  readonly clientName: string;
  /** Is called when the database no longer waits for it: what it has in hand is given back then. */
  readonly end: () => void;
}

/**
 * Runs work that was taken from a table: a closing database waits for it as for a transaction, lets it send what it still has to,
 * and ends it when its timeout is over.
 */
export async function runAsWork<Result>(
  { database, clientName, end }: LongWork,
  body: () => Promise<Result>,
): Promise<Result> {
  const { work } = internalsOf(database).clientNamed(clientName);
  const item = { abort: end };
  work.add(item);
  try {
    return await runInFrame(new Frame(undefined, { client: undefined, scope: undefined }), body, undefined);
  } finally {
    work.delete(item);
  }
}
