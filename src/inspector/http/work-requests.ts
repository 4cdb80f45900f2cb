import { SluiceError } from '../../core/index.ts';
import type { ActionAnswer } from '../work-views.ts';
import type { JobsDesk } from '../desks/jobs-desk.ts';
import type { OutboxDesk } from '../desks/outbox-desk.ts';
import type { PublicationsDesk } from '../desks/publications-desk.ts';
import type { ReceivedDesk } from '../desks/received-desk.ts';
import type { SagasDesk } from '../desks/sagas-desk.ts';
import { type Refusal, refusal } from './guard.ts';

/** What of jobs, messages, sagas and publications is shown, and whether it may be changed. */
export interface Desks {
  readonly jobs: JobsDesk | undefined;
  readonly outbox: OutboxDesk | undefined;
  readonly received: ReceivedDesk | undefined;
  readonly sagas: SagasDesk | undefined;
  readonly publications: PublicationsDesk | undefined;
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
  SAGA_FINISHED: 409,
  SAGA_TABLES_MISSING: 404,
  EVENT_TABLES_MISSING: 404,
};

type Change = (desks: Desks, group: string, entry: string) => Promise<ActionAnswer | undefined> | undefined;

const changes: ReadonlyMap<string, Change> = new Map<string, Change>([
  ['jobs retry', ({ jobs }, queue, id) => jobs?.change(queue, id, 'retry')],
  ['jobs discard', ({ jobs }, queue, id) => jobs?.change(queue, id, 'discard')],
  ['outbox replay', ({ outbox }, channel, number) => outbox?.change(channel, number, 'replay')],
  ['outbox discard', ({ outbox }, channel, number) => outbox?.change(channel, number, 'discard')],
  ['received replay', ({ received }, consumer, number) => received?.change(consumer, number, 'replay')],
  ['received discard', ({ received }, consumer, number) => received?.change(consumer, number, 'discard')],
  ['sagas resume', ({ sagas }, saga, id) => sagas?.change(saga, id, 'resume')],
  ['sagas cancel', ({ sagas }, saga, id) => sagas?.change(saga, id, 'cancel')],
  ['publications resubmit', ({ publications }, _, number) => publications?.resubmit(number)],
]);

type List = (desks: Desks, asked: (name: string) => string, limit: number) => Promise<object | undefined> | undefined;

const lists: ReadonlyMap<string, List> = new Map<string, List>([
  ['jobs', ({ jobs }, asked, limit) => jobs?.list(asked('queue'), asked('state'), limit)],
  ['outbox', ({ outbox }, asked, limit) => outbox?.list(asked('channel'), limit)],
  ['received', ({ received }, asked, limit) => received?.list(asked('consumer'), limit)],
  ['sagas', ({ sagas }, asked, limit) => sagas?.list(asked('saga'), asked('status'), limit)],
  ['publications', ({ publications }, asked, limit) => publications?.list(asked('listener'), asked('state'), limit)],
]);

/** Whether what stands behind `/api/` is answered here. */
export function isWork(kind: string | undefined): kind is keyof Desks {
  return kind !== undefined && lists.has(kind);
}

/** Answers what is asked of jobs, messages, sagas and publications; nothing where there is no such thing. @throws what their servers answer */
export async function answerWork(desks: Desks, request: WorkRequest): Promise<object | Refusal | undefined> {
  try {
    if (request.path.length === 1) return await list(desks, request);
    return request.path.length === 3 ? await find(desks, request) : await change(desks, request);
  } catch (error) {
    const known = SluiceError.find(error);
    const status = known === undefined ? undefined : statuses[known.code];
    if (known === undefined || status === undefined) throw error;
    return refusal(status, known.code, known.message);
  }
}

async function list(desks: Desks, { method, path, query }: WorkRequest): Promise<object | undefined> {
  if (method !== 'GET') return undefined;
  const limit = Math.min(mostEntries, Math.max(1, Math.trunc(Number(query.get('limit') ?? 100)) || 1));
  return await lists.get(path[0] ?? '')?.(desks, (name) => query.get(name) ?? '', limit);
}

async function find({ sagas }: Desks, { method, path }: WorkRequest): Promise<object | undefined> {
  const [kind, group = '', entry = ''] = path;
  return method === 'GET' && kind === 'sagas' ? await sagas?.find(group, entry) : undefined;
}

async function change(desks: Desks, { method, path }: WorkRequest): Promise<ActionAnswer | Refusal | undefined> {
  const [kind, group = '', entry = '', action, ...more] = path;
  const carryOut = more.length === 0 ? changes.get(`${kind} ${action}`) : undefined;
  if (carryOut === undefined || !isWork(kind) || desks[kind] === undefined) return undefined;
  if (method !== 'POST') return refusal(405, 'METHOD_NOT_ALLOWED', 'Actions are taken by POST');
  if (!desks.actions) return refusal(403, 'NO_ACTIONS', 'The inspector takes no actions: see its option actions');
  return await carryOut(desks, group, entry);
}
