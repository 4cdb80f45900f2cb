import { SluiceError } from '../../core/index.ts';
import type { ActionAnswer, JobList, OutboxList } from '../snapshot.ts';
import type { JobsDesk } from '../desks/jobs-desk.ts';
import type { OutboxDesk } from '../desks/outbox-desk.ts';
import { type Refusal, refusal } from './guard.ts';

/** What of jobs and the outbox is shown, and whether it may be changed. */
export interface Desks {
  readonly jobs: JobsDesk | undefined;
  readonly outbox: OutboxDesk | undefined;
  readonly actions: boolean;
}

/** A request below /api, as it was asked. */
export interface WorkRequest {
  readonly method: string;
  /** What stands behind `/api/`, decoded. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

const mostEntries = 1_000;

/** What a request that cannot be answered is told; its status, by the code of the error. */
const statuses: Readonly<Record<string, number>> = {
  INVALID_OPTION: 400,
  JOB_STATE: 409,
  ADMINISTRATION_UNSUPPORTED: 501,
  QUEUE_UNAVAILABLE: 503,
  OUTBOX_MISSING: 404,
};

type Change = (desks: Desks, group: string, entry: string) => Promise<ActionAnswer | undefined> | undefined;

const changes: ReadonlyMap<string, Change> = new Map<string, Change>([
  ['jobs retry', ({ jobs }, queue, id) => jobs?.change(queue, id, 'retry')],
  ['jobs discard', ({ jobs }, queue, id) => jobs?.change(queue, id, 'discard')],
  ['outbox replay', ({ outbox }, channel, number) => outbox?.change(channel, number, 'replay')],
  ['outbox discard', ({ outbox }, channel, number) => outbox?.change(channel, number, 'discard')],
]);

/** Answers what is asked of jobs and the outbox; nothing where there is no such thing. @throws what their servers answer */
export async function answerWork(desks: Desks, request: WorkRequest): Promise<object | Refusal | undefined> {
  try {
    return request.path.length === 1 ? await list(desks, request) : await change(desks, request);
  } catch (error) {
    const known = SluiceError.find(error);
    const status = known === undefined ? undefined : statuses[known.code];
    if (known === undefined || status === undefined) throw error;
    return refusal(status, known.code, known.message);
  }
}

async function list(
  { jobs, outbox }: Desks,
  { method, path: [kind], query }: WorkRequest,
): Promise<JobList | OutboxList | undefined> {
  if (method !== 'GET') return undefined;
  const limit = Math.min(mostEntries, Math.max(1, Math.trunc(Number(query.get('limit') ?? 100)) || 1));
  if (kind === 'jobs') return await jobs?.list(query.get('queue') ?? '', query.get('state') ?? '', limit);
  return kind === 'outbox' ? await outbox?.list(query.get('channel') ?? '', limit) : undefined;
}

async function change(desks: Desks, { method, path }: WorkRequest): Promise<ActionAnswer | Refusal | undefined> {
  const [kind, group = '', entry = '', action, ...more] = path;
  const carryOut = more.length === 0 ? changes.get(`${kind} ${action}`) : undefined;
  const desk = kind === 'jobs' ? desks.jobs : desks.outbox;
  if (carryOut === undefined || desk === undefined) return undefined;
  if (method !== 'POST') return refusal(405, 'METHOD_NOT_ALLOWED', 'Actions are taken by POST');
  if (!desks.actions) return refusal(403, 'NO_ACTIONS', 'The inspector takes no actions: see its option actions');
  return await carryOut(desks, group, entry);
}
