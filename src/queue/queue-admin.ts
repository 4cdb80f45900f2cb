import { aBoolean, type Check, checkedArgument, fieldOf, integer, oneOf, readOptions, text } from '../core/index.ts';
import type { FoundJob, JobCounts, JobListState, JobPage, JobSummary } from './engine/index.ts';
import type { EngineRuntime } from './engine-runtime.ts';
import { JobNotFoundError, JobStateError } from './errors.ts';
import { aJobId } from './job-id.ts';

/** Options of listing jobs. */
export interface JobListOptions {
  /** The state of the jobs. */
  readonly state: JobListState;
  /** The most jobs of a page. Default 100. */
  readonly limit?: number | undefined;
  /** The `cursor` of the page before. Default: the first page. */
  readonly cursor?: string | undefined;
}

/** Options of looking at a job. */
export interface FindJobOptions {
  /** Whether its data and its result are wanted. Default false. */
  readonly withPayload?: boolean | undefined;
}

/** A job that was looked at. */
export interface JobDetails extends JobSummary {
  /** What was pushed; only with `withPayload`. */
  readonly data?: unknown;
  /** What its handler returned; only with `withPayload`, and of a completed job. */
  readonly result?: unknown;
}

const listChecks: Record<keyof JobListOptions, Check> = {
  state: oneOf(['waiting', 'delayed', 'active', 'completed', 'failed']),
  limit: integer(1, 1_000),
  cursor: text(10_000),
};
const findChecks: Record<keyof FindJobOptions, Check> = { withPayload: aBoolean };

/**
 * The jobs of a queue, for administrators. It reads the engine: a job that waits in the outbox for its commit or its relay is
 * not there yet.
 *
 * ```ts
 * const { admin } = jobs.queues.invoice;
 * console.log(await admin.counts());
 * const { jobs: failed } = await admin.list({ state: 'failed', limit: 20 });
 * for (const { id, failure } of failed) {
 *   console.log(id, failure?.message);
 *   await admin.retry(id);
 * }
 * ```
 */
export class QueueAdmin {
  readonly #queue: string;
  readonly #runtime: EngineRuntime;

  constructor(queue: string, runtime: EngineRuntime) {
    this.#queue = queue;
    this.#runtime = runtime;
  }

  /**
   * How many jobs are in each state.
   * @throws QueueUnavailableError; AdministrationUnsupportedError, as all others
   */
  async counts(): Promise<JobCounts> {
    return await this.#runtime.administer((administration) => administration.counts(this.#queue));
  }

  /**
   * Jobs in one state, without their payload: waiting and delayed ones as they will run, active ones with the longest running
   * first, those that have ended with the latest first. A job that stays in its state while pages are read comes once.
   * @throws InvalidOptionError, also for a cursor of another list
   */
  async list(options: JobListOptions): Promise<JobPage> {
    const owner = `list of queue "${this.#queue}"`;
    const { state, limit = 100, cursor } = readOptions(owner, options, listChecks, ['state']);
    return await this.#runtime.administer((administration) =>
      administration.list(this.#queue, { state, limit, cursor }),
    );
  }

  /** Looks at a job; undefined where the queue does not have it. */
  async find(id: string, options: FindJobOptions = {}): Promise<JobDetails | undefined> {
    this.#checkId('find', id);
    const { withPayload = false } = readOptions(`find of queue "${this.#queue}"`, options, findChecks);
    const found = await this.#runtime.administer((administration) => administration.find(this.#queue, id, withPayload));
    return found === undefined ? undefined : detailsOf(found, withPayload);
  }

  /**
   * Lets a job that has failed run again at once, with all of its attempts. Called again it changes nothing. A job that was
   * awaited has the time limit of its caller: retried after that it fails again, with `DEADLINE_EXCEEDED`.
   * @returns whether the job had failed; false: it is waiting or running already
   * @throws JobNotFoundError; JobStateError for a completed job
   */
  async retry(id: string): Promise<boolean> {
    this.#checkId('retry', id);
    const state = await this.#runtime.administer((administration) => administration.retry(this.#queue, id));
    if (state === undefined) throw this.#notFound('retried', id);
    if (state === 'completed') {
      throw this.#inState('retried', id, state, 'It has done its work: push a new job to do it again');
    }
    return state === 'failed';
  }

  /**
   * Removes a job: it does not run from now on. Who waits for it gets a `RemoteError` with the code `JOB_DISCARDED`. A job that
   * runs is left alone, also where it begins at the same moment.
   * @throws JobNotFoundError, also where it was discarded before; JobStateError for a job that runs
   */
  async discard(id: string): Promise<void> {
    this.#checkId('discard', id);
    const state = await this.#runtime.administer((administration) => administration.discard(this.#queue, id));
    if (state === undefined) throw this.#notFound('discarded', id);
    if (state === 'active') {
      throw this.#inState('discarded', id, state, 'Wait until it has ended, or close its worker, and try again');
    }
  }

  #checkId(method: string, id: string): void {
    checkedArgument(`${method} of queue "${this.#queue}"`, 'id', id, aJobId);
  }

  #notFound(verb: string, id: string): JobNotFoundError {
    return new JobNotFoundError({
      what: `The job ${id} of queue "${this.#queue}" cannot be ${verb}: the queue does not have it`,
      remedy: 'It was discarded, has ended and was removed, or waits in the outbox; check the queue and the id',
    });
  }

  #inState(verb: string, id: string, state: JobListState, remedy: string): JobStateError {
    return new JobStateError({
      what: `The job ${id} of queue "${this.#queue}" cannot be ${verb}: it is ${state}`,
      remedy,
      jobId: id,
      state,
    });
  }
}

function detailsOf({ summary, envelope, outcome }: FoundJob, withPayload: boolean): JobDetails {
  if (!withPayload) return summary;
  const result = outcome?.type === 'completed' ? outcome.value : undefined;
  return { ...summary, data: fieldOf(envelope, 'data'), result };
}
