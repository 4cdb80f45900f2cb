import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import { invoice, type Row } from './row.ts';
import {
  called,
  either,
  emptyObject,
  only,
  some,
  thing,
  timer,
  truth,
  whole,
  words,
  milliseconds,
  bytes,
} from './values.ts';

const client = words(200, 'default');
const waiting = { timeout: milliseconds(1, timer), signal: some(new AbortController().signal), onProgress: called() };
const pushing = {
  id: some('0af76519-16cd-43dd-8448-eb211c80319c'),
  priority: whole(0, 1_000),
  delay: milliseconds(0, timer),
  attempts: whole(1, 1_000),
  backoff: either(some({ type: 'fixed', delay: 5 }), milliseconds(0, timer)),
  dbInfo: either(some({ level: 1 }), emptyObject),
};

export const jobRows: readonly Row[] = [
  {
    interface: 'QueueOptions',
    entrance: 'defineQueue',
    call: (options) => defineQueue('invoice', options),
    options: {
      timeout: milliseconds(1, timer),
      attempts: whole(1, 1_000),
      backoff: either(some({ type: 'fixed', delay: 5 }), milliseconds(0, timer)),
      concurrency: whole(1, 10_000),
      maxRuntime: milliseconds(1, timer),
      maxPayload: bytes(1, 256 * 1024 * 1024),
    },
  },
  {
    interface: 'Backoff',
    entrance: 'defineQueue',
    call: (backoff) => defineQueue('invoice', { backoff }),
    instead: [5],
    base: () => ({ type: 'fixed', delay: 5 }),
    options: { type: only('fixed', 'exponential'), delay: milliseconds(0, timer) },
  },
  {
    interface: 'PushOptions',
    entrance: 'push',
    call: (options, { jobs }) => jobs.queues.invoice.push(1, options),
    codes: ['UNKNOWN_CLIENT'],
    options: {
      ...pushing,
      when: only('commit', 'now'),
      key: words(500),
    },
  },
  ...(
    [
      ['pushAsync', (options, { jobs }) => jobs.queues.invoice.pushAsync(1, options)],
      ['request', (options, { jobs }) => jobs.queues.invoice.request(1, options)],
    ] as readonly [string, Row['call']][]
  ).map(([entrance, call]): Row => ({
    interface: 'PushAsyncOptions',
    entrance,
    call,
    base: () => ({ timeout: 1 }),
    codes: ['UNKNOWN_CLIENT'],
    options: { ...pushing, ...waiting },
  })),
  {
    interface: 'AwaitOptions',
    entrance: 'result',
    call: async (options, { jobs }) => (await jobs.queues.invoice.push(1)).result(options),
    base: () => ({ timeout: 1 }),
    options: waiting,
  },
  {
    interface: 'JobListOptions',
    entrance: 'list',
    call: (options, { jobs }) => jobs.queues.invoice.admin.list(options),
    base: () => ({ state: 'failed' }),
    options: {
      state: only('waiting', 'delayed', 'active', 'completed', 'failed'),
      limit: whole(1, 1_000),
      cursor: some(Buffer.from('[0,0,0]').toString('base64url')),
    },
  },
  {
    interface: 'FindJobOptions',
    entrance: 'find',
    call: (options, { jobs }) => jobs.queues.invoice.admin.find('0af76519-16cd-43dd-8448-eb211c80319c', options),
    options: { withPayload: truth },
  },
  {
    interface: 'HandleOptions',
    entrance: 'handle',
    call: (options, { jobs }) => jobs.worker().handle(invoice, (data) => data, options),
    options: {
      transaction: either(only(false), some({ isolationLevel: 'SERIALIZABLE' }), emptyObject),
      concurrency: whole(1, 10_000),
    },
  },
  {
    interface: 'JobsOptions',
    entrance: 'createJobs',
    call: (options, { database }) => createJobs(database, options),
    base: () => ({ queues: { invoice } }),
    options: {
      queues: some({ invoice }),
      engine: some(memory()),
      relay: truth,
      enqueueTimeout: milliseconds(1, timer),
    },
  },
  {
    interface: 'BullmqOptions',
    entrance: 'bullmq',
    call: bullmq,
    base: () => ({ connection: 'redis://127.0.0.1:1' }),
    options: {
      connection: either(some('redis://127.0.0.1:1'), thing({ port: 1 })),
      prefix: words(100),
      clientName: client,
      lostAfter: milliseconds(500, 86_400_000),
    },
  },
  {
    interface: 'PgBossOptions',
    entrance: 'pgBoss',
    call: pgBoss,
    base: () => ({ connectionString: 'postgres://127.0.0.1:1/shop' }),
    options: {
      connectionString: some('postgres://127.0.0.1:1/shop'),
      clientName: client,
      schema: some('pgboss', 'jobs_2'),
      max: whole(2, 1_000),
      lostAfter: milliseconds(10_000, 86_400_000),
      pollInterval: milliseconds(10, timer),
      password: either(
        called(() => 'x'),
        { good: ['x'], accepts: (value) => typeof value === 'string' },
      ),
      ssl: either(truth, thing({})),
    },
  },
];
