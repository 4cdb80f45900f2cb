import type { Job, JobsOptions } from 'bullmq';
import {
  type EngineJob,
  isOutcome,
  type JobEnvelope,
  type JobOutcome,
  type JobReference,
  type JobState,
  type RemoteFailure,
} from '../../engine/index.ts';

/** What a job of BullMQ holds as its data. */
export interface BullJobData {
  readonly envelope: JobEnvelope;
}

export type BullJob = Job<BullJobData, JobOutcome>;

/** How long ended jobs are kept for those who ask late: seconds, and how many. */
const keepCompleted = { age: 3_600, count: 10_000 };
const keepFailed = { age: 86_400, count: 10_000 };

/** The envelope of a job, in which anything may be, or nothing. */
export function envelopeOf(job: BullJob): Partial<JobEnvelope> | null | undefined {
  const data: Partial<BullJobData> | null = job.data;
  return data?.envelope;
}

/** Lanes are queues of their own, since a worker of BullMQ takes jobs by queue. */
export function physicalName({ queue, level }: Pick<JobReference, 'queue' | 'level'>): string {
  return `${queue}.${level}`;
}

/** What BullMQ keeps of a job. `now`: from when its delay counts, by the clock of Redis. */
export function insertOf(
  job: EngineJob,
  now: number,
): {
  readonly name: string;
  readonly data: BullJobData;
  readonly opts: JobsOptions;
} {
  const { id, queue, envelope, priority, delay, attempts, backoff } = job;
  return {
    name: queue,
    data: { envelope },
    opts: {
      jobId: id,
      attempts,
      backoff: { ...backoff },
      removeOnComplete: keepCompleted,
      removeOnFail: keepFailed,
      ...(priority > 0 ? { priority } : {}),
      ...(delay > 0 ? { delay, timestamp: Math.round(now) } : {}),
    },
  };
}

/** For a job that was completed with BullMQ's own tools. */
const endedByHand: JobOutcome = { type: 'completed' };

/** Where a job stands. */
export type Place = JobState['status'];

export function stateOf(job: BullJob, place: Place): JobState {
  const progress = isTold(job.progress) ? { progress: unwrap(job.progress) } : {};
  switch (place) {
    case 'waiting':
    case 'active':
      return { status: place, ...progress };
    case 'failed':
      return { status: place, outcome: { type: 'failed', failure: failureOf(job) }, ...progress };
    case 'completed':
      return { status: place, outcome: isOutcome(job.returnvalue) ? job.returnvalue : endedByHand, ...progress };
  }
}

/**
 * An error that BullMQ stores for a failed run. Its message is for people; its stack carries the whole
 * failure, since BullMQ keeps nothing else of an error.
 */
export function carrierOf(failure: RemoteFailure, final: boolean): Error {
  const error = new Error(messageOf(failure));
  error.name = final ? 'UnrecoverableError' : 'Error';
  error.stack = JSON.stringify(failure);
  return error;
}

export function failureOf({ stacktrace, failedReason }: Pick<BullJob, 'stacktrace' | 'failedReason'>): RemoteFailure {
  const failure = storedFailure(stacktrace?.at(-1) ?? '');
  // BullMQ may have failed the job itself (lost too often, or by its tools): then the last stack belongs to an earlier run.
  if (failure !== undefined && messageOf(failure) === failedReason) return failure;
  return { name: 'JobLostError', code: 'JOB_LOST', message: failedReason };
}

export function storedFailure(text: string): RemoteFailure | undefined {
  try {
    const failure: unknown = JSON.parse(text);
    return typeof failure === 'object' && failure !== null ? (failure as RemoteFailure) : undefined;
  } catch {
    return undefined;
  }
}

function messageOf({ name, message }: RemoteFailure): string {
  return `${name}: ${message}`;
}

interface ToldProgress {
  readonly told: unknown;
}

/** BullMQ takes objects and numbers; ours may be anything. */
export function wrap(progress: unknown): { told: unknown } {
  return { told: progress };
}

export function isTold(progress: unknown): progress is ToldProgress {
  return typeof progress === 'object' && progress !== null && 'told' in progress;
}

export function unwrap({ told }: ToldProgress): unknown {
  return told;
}
