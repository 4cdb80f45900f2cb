import { fieldOf, SluiceError } from '../../core/index.ts';
import type { JobSummary, QueueAdmin } from '../../queue/index.ts';
import type { ActionAnswer, JobList, JobView, QueueView } from '../work-views.ts';
import { payloadText } from './payload-text.ts';

/** A queue whose jobs are shown. */
export interface WatchedQueue {
  /** Its name. */
  readonly name: string;
  /** What administrators can do with its jobs. */
  readonly admin: QueueAdmin;
}

/** As much of what `createJobs` makes as is shown. */
export interface WatchedJobs {
  /** The queues, by the names under which the program knows them. */
  readonly queues: Readonly<Record<string, WatchedQueue>>;
}

const states = ['waiting', 'delayed', 'active', 'completed', 'failed'] as const;
type State = (typeof states)[number];

/** Counts, lists and changes the jobs of the queues. */
export class JobsDesk {
  readonly #queues: ReadonlyMap<string, WatchedQueue>;
  readonly #payloads: boolean;

  /** @param payloads whether lists carry them */
  constructor(jobs: WatchedJobs, payloads: boolean) {
    this.#queues = new Map(Object.values(jobs.queues).map((queue) => [queue.name, queue]));
    this.#payloads = payloads;
  }

  /** How many jobs there are; of a queue whose engine cannot count there are no numbers. @throws what the engine answers */
  async counts(): Promise<readonly QueueView[]> {
    return await Promise.all(
      [...this.#queues.values()].map(async ({ name, admin }) => ({ name, jobs: await countsOf(admin) })),
    );
  }

  /** The jobs of a queue in a state; nothing where there is no such queue or state. @throws what the engine answers */
  async list(queue: string, state: string, limit: number): Promise<JobList | undefined> {
    const admin = this.#queues.get(queue)?.admin;
    if (admin === undefined || !isState(state)) return undefined;
    const { jobs, cursor } = await admin.list({ state, limit });
    const shown = jobs.map(async (job): Promise<JobView> => {
      const { id, level, attempts, addedAt, failure } = job;
      const view = { queue, id, state: job.state, level, attempt: runsOf(job), attempts, addedAt: addedAt.getTime() };
      const error = failure === undefined ? {} : { error: `${failure.name}: ${failure.message}` };
      if (!this.#payloads) return { ...view, ...error };
      const found = await admin.find(id, { withPayload: true });
      return { ...view, ...error, ...payloadText(fieldOf(found, 'data')) };
    });
    return { jobs: await Promise.all(shown), hasMore: cursor !== undefined };
  }

  /** Lets a job run again, or removes it; nothing where there is no such queue. @throws JobStateError; what the engine answers */
  async change(queue: string, id: string, action: 'retry' | 'discard'): Promise<ActionAnswer | undefined> {
    const admin = this.#queues.get(queue)?.admin;
    if (admin === undefined) return undefined;
    try {
      await admin[action](id);
      return { done: true };
    } catch (error) {
      if (SluiceError.find(error)?.code === 'JOB_NOT_FOUND') return { done: false };
      throw error;
    }
  }
}

/** How often it has run: a run that goes on and one that has completed it are no failures. */
function runsOf({ state, failures }: JobSummary): number {
  return state === 'active' || state === 'completed' ? failures + 1 : failures;
}

async function countsOf(admin: QueueAdmin): Promise<Readonly<Record<string, number>>> {
  try {
    return await admin.counts();
  } catch (error) {
    if (SluiceError.find(error)?.code === 'ADMINISTRATION_UNSUPPORTED') return {};
    throw error;
  }
}

function isState(state: string): state is State {
  return states.some((each) => each === state);
}
