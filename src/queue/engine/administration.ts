import { InvalidOptionError } from '../../core/index.ts';
import type { JobOutcome, RemoteFailure } from './outcome.ts';

/** Where a job is, as administrators list it: `waiting` may run now, `delayed` later, such as between two attempts. */
export type JobListState = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed';

/** How many jobs of a queue are in each state, at all levels. */
export type JobCounts = Readonly<Record<JobListState, number>>;

/** What is known of a job without its payload. */
export interface JobSummary {
  /** The job's UUID. */
  readonly id: string;
  /** The name of the queue. */
  readonly queue: string;
  /** The level at which the job runs. */
  readonly level: number;
  /** Where the job is. */
  readonly state: JobListState;
  /** How often the job may fail. */
  readonly attempts: number;
  /** How often the job has failed since it was pushed or retried. */
  readonly failures: number;
  /** Lower runs first. */
  readonly priority: number;
  /** When it was pushed. */
  readonly addedAt: Date;
  /** When it may run; of a delayed job. */
  readonly availableAt?: Date | undefined;
  /** When its last run began, where the engine has kept that. */
  readonly startedAt?: Date | undefined;
  /** When it ended; of a completed or failed job. */
  readonly endedAt?: Date | undefined;
  /** What its last failed run threw. */
  readonly failure?: RemoteFailure | undefined;
  /** What the job last reported. */
  readonly progress?: unknown;
}

/** A part of a list. */
export interface JobPage {
  /** The jobs, in the order of their state. */
  readonly jobs: readonly JobSummary[];
  /** Where the list goes on; undefined at its end. */
  readonly cursor: string | undefined;
}

/** Which part of a list is asked for. */
export interface JobPageRequest {
  /** The state of the jobs. */
  readonly state: JobListState;
  /** The most jobs of a page. */
  readonly limit: number;
  /** What the page before had; undefined for the first. */
  readonly cursor: string | undefined;
}

/** A job that was found. */
export interface FoundJob {
  /** What is known of it. */
  readonly summary: JobSummary;
  /** With the payload: from outside, as it was added. */
  readonly envelope?: unknown;
  /** With the payload: how it ended. */
  readonly outcome?: JobOutcome | undefined;
}

/**
 * What administrators need of an engine, in addition to `QueueEngine`. Lists have waiting and delayed jobs in the order in
 * which they run, active ones by the time at which they began, and those that have ended with the latest first. What stays in
 * its state while pages are read comes once.
 */
export interface JobAdministration {
  /** How many jobs of a queue there are. */
  counts(queue: string): Promise<JobCounts>;
  /** Jobs of a queue in one state. @throws InvalidOptionError for a cursor that is none of this list */
  list(queue: string, page: JobPageRequest): Promise<JobPage>;
  /** A job; undefined where the queue does not have it. */
  find(queue: string, id: string, withPayload: boolean): Promise<FoundJob | undefined>;
  /**
   * Lets a job that has failed run again at once, with all of its attempts. A job in another state is left alone.
   * @returns the state that it was in; undefined where the queue does not have it
   */
  retry(queue: string, id: string): Promise<JobListState | undefined>;
  /**
   * Removes a job that does not run, and tells those who wait for it. One that runs is left alone.
   * @returns the state that it was in; undefined where the queue does not have it
   */
  discard(queue: string, id: string): Promise<JobListState | undefined>;
}

/** What those who wait for a job that was discarded are told. */
export const discarded: JobOutcome = {
  type: 'failed',
  failure: { name: 'JobDiscardedError', code: 'JOB_DISCARDED', message: 'the job was discarded by an administrator' },
};

/** A place in a list as text. */
export function writeCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/**
 * The place that a cursor is of; undefined for the first page.
 * @param isPlace whether what was read is a place in this list
 * @throws InvalidOptionError
 */
export function readCursor<Place>(
  cursor: string | undefined,
  isPlace: (value: unknown) => value is Place,
): Place | undefined {
  if (cursor === undefined) return undefined;
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    // It is no text of ours.
  }
  if (isPlace(place)) return place;
  throw new InvalidOptionError({
    what: 'A list of jobs got a "cursor" that is none of this list',
    remedy: 'Give the cursor of the page before, with the same state and queue, or none for the first page',
  });
}
