import type { Db } from '../database/index.ts';
import { findInInbox, OutboxMissingError } from '../outbox/index.ts';
import type { JobOutcome } from './engine.ts';

/** How jobs of a queue ended whose effects have committed, by their id, as the inbox holds it. */
export async function recordedOutcomes(
  db: Db,
  queue: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, JobOutcome>> {
  try {
    const found = await findInInbox(db, queue, ids);
    return new Map([...found].map(([id, outcome]) => [id, JSON.parse(outcome) as JobOutcome]));
  } catch (error) {
    // Where there is no inbox, no job has written anything.
    if (error instanceof OutboxMissingError) return new Map();
    throw error;
  }
}
