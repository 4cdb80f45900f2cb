import {
  type Backoff,
  type EngineJob,
  isOutcome,
  type JobEnvelope,
  type JobOutcome,
  type JobReference,
  type JobState,
  type RemoteFailure,
} from '../../engine/index.ts';
import { longestTimer } from '../../../core/index.ts';

/** Of a job that says nothing that can be used, in milliseconds. */
const defaultDelay = 1_000;

/** What a job of pg-boss holds as its data. */
export interface BossJobData {
  readonly envelope: JobEnvelope | Packed;
  readonly attempts: number;
  readonly backoff: Backoff;
}

/** What a job of pg-boss holds as its output. */
export interface BossOutput {
  /** How it ended. */
  readonly outcome?: JobOutcome | Packed | undefined;
  /** How often it has failed; losses of its worker do not count. */
  readonly failures?: number;
  readonly lastFailure?: RemoteFailure | Packed;
  readonly progress?: unknown;
}

/** JSON that jsonb does not take, as text: it has no NUL, and no half of a character. */
interface Packed {
  readonly sluicePacked: string;
}

/** What stands in JSON for characters that jsonb does not take. */
const untakeable = /\\u(?:0000|d[89a-f])/;

/** A value as jsonb can hold it. */
export function pack<Value>(value: Value): Value | Packed {
  if (value === undefined) return value;
  const text = JSON.stringify(value);
  return untakeable.test(text) || isPacked(value) ? { sluicePacked: text } : value;
}

/** A value as it was before it was packed; nothing where it cannot have been. */
export function unpack(value: unknown): unknown {
  if (!isPacked(value)) return value;
  try {
    return JSON.parse(value.sluicePacked) as unknown;
  } catch {
    return undefined;
  }
}

function isPacked(value: unknown): value is Packed {
  return (
    typeof value === 'object' &&
    value !== null &&
    'sluicePacked' in value &&
    typeof value.sluicePacked === 'string' &&
    Object.keys(value).length === 1
  );
}

/** A job as it comes from the table, in which anything may be. */
export interface TakenJob {
  readonly envelope: unknown;
  readonly replyTo: string | undefined;
  readonly attempts: number;
  readonly backoff: Backoff;
}

/** Reads what a job holds: what is no envelope is for the worker to refuse. */
export function readJob(data: unknown): TakenJob {
  const { envelope: stored, attempts, backoff } = (data ?? {}) as Partial<Record<keyof BossJobData, unknown>>;
  const envelope = unpack(stored);
  const { replyTo } = (envelope ?? {}) as Partial<Record<keyof JobEnvelope, unknown>>;
  const { type, delay } = (backoff ?? {}) as Partial<Record<keyof Backoff, unknown>>;
  return {
    envelope,
    replyTo: typeof replyTo === 'string' ? replyTo : undefined,
    attempts: Number.isInteger(attempts) ? Number(attempts) : 1,
    backoff: {
      type: type === 'fixed' ? 'fixed' : 'exponential',
      delay: typeof delay === 'number' && delay >= 0 && delay <= longestTimer ? delay : defaultDelay,
    },
  };
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
  const stored = unpack(output?.outcome);
  const outcome = ended ? (isOutcome(stored) ? stored : endedElsewhere(state)) : undefined;
  return { status, ...(outcome === undefined ? {} : { outcome }), progress: unpack(output?.progress) };
}

/** The outcome of a job that pg-boss or its tools ended. */
function endedElsewhere(state: string): JobOutcome {
  if (state === 'completed') return { type: 'completed' };
  const message =
    state === 'cancelled' ? 'the job was cancelled' : 'the job was lost with its worker too often, or took too long';
  return { type: 'failed', failure: { name: 'JobLostError', code: 'JOB_LOST', message } };
}

/** How often a job may be lost with its worker before it has failed. */
export const mostLosses = 20;

/** What pg-boss keeps of a job. */
export function insertOf(job: EngineJob): {
  readonly data: BossJobData;
  readonly options: { id: string; priority: number; retryLimit: number; startAfter?: Date | number };
} {
  const { id, envelope, attempts, backoff, priority, delay } = job;
  return {
    data: { envelope: pack(envelope), attempts, backoff },
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
