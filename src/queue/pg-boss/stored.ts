import type { Backoff, EngineJob, JobEnvelope, JobOutcome, JobReference, JobState, RemoteFailure } from '../index.ts';

/** What a job of pg-boss holds as its data. */
export interface BossJobData {
  readonly envelope: JobEnvelope;
  readonly attempts: number;
  readonly backoff: Backoff;
}

/** What a job of pg-boss holds as its output. */
export interface BossOutput {
  /** How it ended. */
  readonly outcome?: JobOutcome;
  /** How often it has failed; losses of its worker do not count. */
  readonly failures?: number;
  readonly lastFailure?: RemoteFailure;
  readonly progress?: unknown;
}

/** Lanes are queues of their own, since pg-boss fetches by queue. */
export function physicalName({ queue, level }: Pick<JobReference, 'queue' | 'level'>): string {
  return `${queue}.${level}`;
}

export function laneOf(physicalQueue: string): Pick<JobReference, 'queue' | 'level'> {
  const dot = physicalQueue.lastIndexOf('.');
  return { queue: physicalQueue.slice(0, dot), level: Number(physicalQueue.slice(dot + 1)) };
}

/** A row of pg-boss's job table, as far as it is read here. */
export interface BossRow {
  readonly id: string;
  readonly state: string;
  readonly output: BossOutput | null;
}

const statuses: Readonly<Record<string, JobState['status']>> = {
  created: 'waiting',
  retry: 'waiting',
  blocked: 'waiting',
  active: 'active',
  completed: 'completed',
  cancelled: 'failed',
  failed: 'failed',
};

export function stateOf({ state, output }: BossRow): JobState {
  const status = statuses[state] ?? 'waiting';
  const ended = status === 'completed' || status === 'failed';
  const outcome = ended ? (output?.outcome ?? endedElsewhere(state)) : undefined;
  return { status, ...(outcome === undefined ? {} : { outcome }), progress: output?.progress };
}

/** pg-boss ended it itself, or somebody did with its tools. */
function endedElsewhere(state: string): JobOutcome {
  if (state === 'completed') return { type: 'completed' };
  const message =
    state === 'cancelled' ? 'the job was cancelled' : 'the job was lost with its worker too often, or took too long';
  return { type: 'failed', failure: { name: 'JobLostError', code: 'JOB_LOST', message } };
}

/** How often a job may be lost with its worker before it has failed. */
const mostLosses = 20;

/** What pg-boss keeps of a job. */
export function insertOf(job: EngineJob): {
  readonly data: BossJobData;
  readonly options: { id: string; priority: number; retryLimit: number; startAfter?: Date | number };
} {
  const { id, envelope, attempts, backoff, priority, delay } = job;
  return {
    data: { envelope, attempts, backoff },
    options: {
      id,
      // There, higher runs first.
      priority: -priority,
      // Attempts are counted by the lane; these are for workers that are lost.
      retryLimit: mostLosses,
      ...(delay > 0 ? { startAfter: delay / 1_000 } : {}),
    },
  };
}
