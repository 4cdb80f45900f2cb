import {
  isOutcome,
  type JobEnvelope,
  type JobListState,
  type JobOutcome,
  type JobReference,
  type JobSummary,
  type RemoteFailure,
} from '../../engine/index.ts';
import { failureOf, isTold, storedFailure, unwrap } from './stored-job.ts';

/** What BullMQ keeps of a job, as far as administrators see it. */
export interface StoredFields {
  readonly timestamp: number;
  readonly priority: number;
  readonly processedOn: number | undefined;
  readonly finishedOn: number | undefined;
  /** How many of its runs have ended. */
  readonly runs: number;
  readonly attempts: number;
  readonly progress: unknown;
  readonly failure: RemoteFailure | undefined;
  readonly data: { readonly envelope?: Partial<JobEnvelope> } | undefined;
  readonly returnvalue: unknown;
}

const light = [
  'timestamp',
  'priority',
  'processedOn',
  'finishedOn',
  'atm',
  'opts',
  'progress',
  'failedReason',
  'stacktrace',
] as const;

/** The fields of a job's hash that are read. */
export function storedFields(withPayload: boolean): readonly string[] {
  return withPayload ? [...light, 'data', 'returnvalue'] : light;
}

/** Reads what was got for `storedFields`, in which anything may be; nothing where there is no job. */
export function readFields(withPayload: boolean, values: readonly (string | null)[]): StoredFields | undefined {
  const stored = new Map(storedFields(withPayload).map((name, at) => [name, values[at] ?? undefined]));
  const timestamp = numberOf(stored.get('timestamp'));
  if (timestamp === undefined) return undefined;
  const opts = parsed(stored.get('opts')) as { readonly attempts?: unknown } | undefined;
  const data = parsed(stored.get('data'));
  return {
    timestamp,
    priority: numberOf(stored.get('priority')) ?? 0,
    processedOn: numberOf(stored.get('processedOn')),
    finishedOn: numberOf(stored.get('finishedOn')),
    runs: numberOf(stored.get('atm')) ?? 0,
    attempts: numberOf(opts?.attempts) ?? 1,
    progress: parsed(stored.get('progress')),
    failure: lastFailure(stored.get('failedReason'), stored.get('stacktrace')),
    data: typeof data === 'object' && data !== null ? data : undefined,
    returnvalue: parsed(stored.get('returnvalue')),
  };
}

/** Where a job stands; of a delayed one with its score. */
export interface Standing {
  readonly state: JobListState;
  readonly score?: number | undefined;
}

/** The scores of delayed jobs are milliseconds times this, and a count. */
const scoreUnit = 0x1000;

export function summaryOf(
  fields: StoredFields,
  { id, queue, level }: JobReference,
  { state, score = 0 }: Standing,
): JobSummary {
  const { timestamp, priority, processedOn, finishedOn, runs, attempts, progress, failure } = fields;
  const hasEnded = state === 'completed' || state === 'failed';
  return {
    id,
    queue,
    level,
    state,
    attempts,
    failures: state === 'completed' ? Math.max(0, runs - 1) : runs,
    priority,
    addedAt: new Date(timestamp),
    availableAt: state === 'delayed' ? new Date(Math.floor(score / scoreUnit)) : undefined,
    startedAt: processedOn === undefined ? undefined : new Date(processedOn),
    endedAt: hasEnded && finishedOn !== undefined ? new Date(finishedOn) : undefined,
    failure: state === 'completed' ? undefined : failure,
    progress: isTold(progress) ? unwrap(progress) : undefined,
  };
}

/** How a job that has ended has done so. */
export function outcomeOf({ returnvalue, failure }: StoredFields, state: JobListState): JobOutcome | undefined {
  if (state === 'failed') return failure === undefined ? undefined : { type: 'failed', failure };
  return state === 'completed' && isOutcome(returnvalue) ? returnvalue : undefined;
}

/** The process that waits for a job. */
export function replyToOf({ data }: StoredFields): string | undefined {
  const replyTo: unknown = data?.envelope?.replyTo;
  return typeof replyTo === 'string' ? replyTo : undefined;
}

/** Of a job that was retried BullMQ keeps the stacks alone. */
function lastFailure(failedReason: string | undefined, stored: string | undefined): RemoteFailure | undefined {
  const stacks = parsed(stored);
  const stacktrace = Array.isArray(stacks) ? stacks.filter((stack) => typeof stack === 'string') : [];
  return failedReason === undefined ? storedFailure(stacktrace.at(-1) ?? '') : failureOf({ stacktrace, failedReason });
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}
