// What administrators do with jobs, through the queues of a program; the engines themselves are checked by the suite of their port.
import { afterEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import {
  createJobs,
  defineQueue,
  type Jobs,
  memory,
  type QueueDefinitions,
  type QueueEngineFactory,
} from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const invoice = defineQueue<{ orderId: number }, string>('invoice', { attempts: 2, backoff: 1 });
const missing = '0af76519-16cd-43dd-8448-eb211c80319c';
const opened: Jobs[] = [];
let count = 0;

afterEach(async () => {
  await Promise.all(opened.splice(0).map((jobs) => jobs.close({ timeout: 500 })));
});

async function open<const Definitions extends QueueDefinitions>(
  engine: QueueEngineFactory,
  queues: Definitions,
): Promise<{ readonly jobs: Jobs<Definitions>; readonly database: Database }> {
  const database = server.open();
  await createOutboxTables(database.current);
  const jobs = createJobs(database, { queues, engine });
  opened.push(jobs);
  return { jobs, database };
}

function adminTests(makeEngine: () => QueueEngineFactory): void {
  it('retries what has failed, when its cause is mended, with its data and all of its attempts', async () => {
    const { jobs } = await open(makeEngine(), { invoice });
    const { admin } = jobs.queues.invoice;
    let isMended = false;
    let runs = 0;
    jobs.worker().handle(invoice, ({ orderId }) => {
      runs += 1;
      if (!isMended) throw new Error('no printer');
      return `INV-${orderId}`;
    });
    const handle = await jobs.queues.invoice.push({ orderId: 7 });
    expect((await rejection(handle.result())).message).toBe('no printer');
    expect(runs).toBe(2);
    expect(await admin.counts()).toEqual({ waiting: 0, delayed: 0, active: 0, completed: 0, failed: 1 });
    const { jobs: failed, cursor } = await admin.list({ state: 'failed' });
    expect(cursor).toBeUndefined();
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({ id: handle.id, queue: 'invoice', level: 0, failures: 2, attempts: 2 });
    expect(failed[0]?.failure).toMatchObject({ message: 'no printer' });
    expect(failed[0]).not.toHaveProperty('data');
    expect(await admin.find(handle.id)).not.toHaveProperty('data');
    expect(await admin.find(handle.id, { withPayload: true })).toMatchObject({ data: { orderId: 7 } });
    isMended = true;
    expect(await admin.retry(handle.id)).toBe(true);
    expect(await handle.result()).toBe('INV-7');
    expect(runs).toBe(3);
    expect(await admin.find(handle.id, { withPayload: true })).toMatchObject({ state: 'completed', result: 'INV-7' });
    expect(await rejection(admin.retry(handle.id))).toMatchObject({
      code: 'JOB_STATE',
      state: 'completed',
      jobId: handle.id,
    });
  });

  it('discards what waits, and ends the wait for it', async () => {
    const { jobs } = await open(makeEngine(), { invoice });
    const { admin } = jobs.queues.invoice;
    const answer = rejection(jobs.queues.invoice.pushAsync({ orderId: 7 }));
    await until('the job waits', async () => (await admin.counts()).waiting === 1);
    const { jobs: waiting } = await admin.list({ state: 'waiting' });
    const id = waiting[0]?.id ?? '';
    expect(await admin.retry(id)).toBe(false);
    await admin.discard(id);
    expect(await answer).toMatchObject({ name: 'JobDiscardedError', code: 'JOB_DISCARDED', jobId: id });
    expect(await admin.find(id)).toBeUndefined();
    expect(await rejection(admin.discard(id))).toMatchObject({ code: 'JOB_NOT_FOUND' });
    expect(await rejection(admin.retry(id))).toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('leaves a job alone that runs', async () => {
    const { jobs } = await open(makeEngine(), { invoice });
    const { admin } = jobs.queues.invoice;
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    jobs.worker().handle(invoice, async () => {
      await mayEnd;
      return 'INV-7';
    });
    const handle = await jobs.queues.invoice.push({ orderId: 7 });
    await until('the job runs', async () => (await admin.counts()).active === 1);
    const error = await rejection(admin.discard(handle.id));
    expect(error).toMatchObject({ code: 'JOB_STATE', state: 'active' });
    expect(error.message).toContain(`The job ${handle.id} of queue "invoice" cannot be discarded: it is active`);
    expect(await admin.retry(handle.id)).toBe(false);
    end();
    expect(await handle.result()).toBe('INV-7');
  });

  it('fails what was awaited again, when it is retried after the time of its caller', async () => {
    const { jobs } = await open(makeEngine(), { invoice });
    const { admin } = jobs.queues.invoice;
    let runs = 0;
    jobs.worker().handle(invoice, () => {
      runs += 1;
      throw new Error('no printer');
    });
    const error = await rejection(jobs.queues.invoice.pushAsync({ orderId: 7 }, { timeout: 1_000, attempts: 1 }));
    expect(error.message).toBe('no printer');
    const { jobs: failed } = await admin.list({ state: 'failed' });
    const { id = '', addedAt = new Date() } = failed[0] ?? {};
    await until('the time is over', () => Date.now() > addedAt.getTime() + 1_500);
    expect(await admin.retry(id)).toBe(true);
    await until('it has failed again', async () => (await admin.find(id))?.failure?.code === 'DEADLINE_EXCEEDED');
    expect(runs).toBe(1);
  });

  it('says which argument it does not take, and sends nothing', async () => {
    const { jobs } = await open(makeEngine(), { invoice });
    const { admin } = jobs.queues.invoice;
    for (const call of [() => admin.retry('1'), () => admin.discard('x'), () => admin.find('')])
      expect(await rejection(call())).toMatchObject({ code: 'INVALID_OPTION' });
    const wrong = await rejection(admin.list({ state: 'failed', cursor: 'x' }));
    expect(wrong).toMatchObject({ code: 'INVALID_OPTION' });
    expect(await rejection(admin.retry(missing))).toMatchObject({ code: 'JOB_NOT_FOUND' });
  });
}

describe('administration in memory', () => adminTests(memory));

describe('administration of pg-boss', () =>
  adminTests(() => {
    count += 1;
    return pgBoss({ connectionString: server.url, schema: `boss_admin_${count}`, pollInterval: 100 });
  }));

await describeWith('Redis', 'administration of BullMQ', () =>
  adminTests(() => {
    count += 1;
    return bullmq({ connection: redisUrl, prefix: redisKeys(`admin-${process.pid}-${count}`) });
  }),
);

describe('an engine without administration', () => {
  it('is refused with a code, and says so before it is started', async () => {
    const factory = memory();
    const { jobs } = await open((host) => ({ ...factory(host), name: 'toy', administration: undefined }), { invoice });
    const error = await rejection(jobs.queues.invoice.admin.counts());
    expect(error).toMatchObject({ code: 'ADMINISTRATION_UNSUPPORTED' });
    expect(error.message).toContain('The queue engine toy cannot list, retry or discard jobs');
  });

  it('is refused by createJobs where it is half there', async () => {
    const factory = memory();
    const half = { counts: () => Promise.resolve({}) } as never;
    const error = await rejection(open((host) => ({ ...factory(host), administration: half }), { invoice }));
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error.message).toContain('an engine with an "administration"');
  });
});
