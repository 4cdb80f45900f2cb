import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/index.ts';
import type { JobList, OutboxList } from '../../src/inspector/work-views.ts';
import { addToOutbox, createOutboxTables, createRelay, parkedMessages } from '../../src/outbox/index.ts';
import { createJobs, defineQueue, type Jobs, memory } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import type { Answer } from '../support/http-client.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { codeOf, type Open, openInspector, post, shown } from './inspector-client.ts';

const server = useTestDatabase();
const invoice = defineQueue<{ orderId: number; card: string }>('invoice', { attempts: 1 });
const missing = '0af76519-16cd-43dd-8448-eb211c80319c';

function openJobs(database: Database): Jobs<{ invoice: typeof invoice }> {
  const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
  onTestFinished(() => jobs.close({ timeout: 500 }));
  return jobs;
}

/** A job that has failed. @returns its id */
async function failedJob(jobs: Jobs<{ invoice: typeof invoice }>): Promise<string> {
  const handle = await jobs.queues.invoice.push({ orderId: 1, card: 'canary-4242' });
  await rejection(handle.result());
  return handle.id;
}

const messagesOf = ({ text }: Answer): OutboxList['messages'] => (JSON.parse(text) as OutboxList).messages;
const listOf = async (open: Open, state: string): Promise<JobList> =>
  JSON.parse((await open.get(`/api/jobs?queue=invoice&state=${state}&limit=10`)).text) as JobList;

describe('the jobs', () => {
  it('are counted and listed by state, with their errors and without their payloads', async () => {
    const database = server.open();
    const jobs = openJobs(database);
    jobs.worker().handle(invoice, () => Promise.reject(new TypeError('no printer')));
    const id = await failedJob(jobs);
    const open = await openInspector({ database, jobs });
    const now = await shown(open, ({ queues }) => queues.length > 0);
    expect(now.queues).toEqual([
      { name: 'invoice', jobs: { waiting: 0, delayed: 0, active: 0, completed: 0, failed: 1 } },
    ]);
    expect([now.payloads, now.actions]).toEqual([false, []]);
    const list = await listOf(open, 'failed');
    expect(list).toMatchObject({
      hasMore: false,
      jobs: [
        { id, queue: 'invoice', state: 'failed', level: 0, attempt: 1, attempts: 1, error: 'TypeError: no printer' },
      ],
    });
    expect(JSON.stringify(list)).not.toContain('canary');
    expect(await listOf(open, 'completed')).toEqual({ jobs: [], hasMore: false });
    for (const query of ['queue=mail&state=failed', 'queue=invoice&state=nonsense', 'queue=invoice', ''])
      expect((await open.get(`/api/jobs?${query}`)).status).toBe(404);
  });

  it('tell how often they have run, the run that goes on included', async () => {
    const database = server.open();
    const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
    onTestFinished(() => jobs.close({ timeout: 500 }));
    const [running, go] = [signal(), signal()];
    jobs.worker().handle(invoice, async ({ orderId }) => {
      if (orderId === 1) return;
      running.fire();
      await go.promise;
    });
    const open = await openInspector({ database, jobs });
    await (await jobs.queues.invoice.push({ orderId: 1, card: '' })).result();
    await jobs.queues.invoice.push({ orderId: 2, card: '' });
    await jobs.queues.invoice.push({ orderId: 3, card: '' }, { delay: 600_000 });
    await running.promise;
    for (const [state, attempt] of [
      ['completed', 1],
      ['active', 1],
      ['delayed', 0],
    ] as const)
      expect((await listOf(open, state)).jobs).toMatchObject([{ state, attempt, attempts: 1 }]);
    go.fire();
  });

  it('are listed with their payloads where that is allowed', async () => {
    const database = server.open();
    const jobs = openJobs(database);
    jobs.worker().handle(invoice, () => Promise.reject(new Error('no printer')));
    await failedJob(jobs);
    const open = await openInspector({ database, jobs, payloads: true });
    expect((await listOf(open, 'failed')).jobs[0]?.payload).toBe('{"orderId":1,"card":"canary-4242"}');
    await jobs.queues.invoice.push({ orderId: 2, card: 'x'.repeat(20_000) });
    await until('it has failed, too', async () => (await jobs.queues.invoice.admin.counts()).failed === 2);
    const lengths = (await listOf(open, 'failed')).jobs.map(({ payload }) => payload?.length);
    expect(Math.max(...lengths.map(Number))).toBe(10_001);
  });

  it('are retried and discarded by POST, where that is allowed', async () => {
    const database = server.open();
    const jobs = openJobs(database);
    let isMended = false;
    const [running, go] = [signal(), signal()];
    jobs.worker().handle(invoice, async ({ orderId }) => {
      if (orderId === 2) {
        running.fire();
        return await go.promise;
      }
      if (!isMended) throw new Error('no printer');
    });
    const [first, second] = [await failedJob(jobs), await failedJob(jobs)];
    const looking = await openInspector({ database, jobs });
    expect(codeOf(await post(looking, `/api/jobs/invoice/${first}/retry`))).toBe('NO_ACTIONS');
    const open = await openInspector({ database, jobs, actions: true });
    expect((await open.snapshot()).actions).toEqual(['job.retry', 'job.discard']);
    isMended = true;
    expect((await open.get(`/api/jobs/invoice/${first}/retry`)).status).toBe(405);
    expect((await listOf(open, 'failed')).jobs).toHaveLength(2);
    expect((await post(open, `/api/jobs/invoice/${first}/retry`)).json).toEqual({ done: true });
    await until('it has run', async () => (await jobs.queues.invoice.admin.counts()).completed === 1);
    const again = await post(open, `/api/jobs/invoice/${first}/retry`);
    expect([again.status, codeOf(again)]).toEqual([409, 'JOB_STATE']);
    expect((await post(open, `/api/jobs/invoice/${second}/discard`)).json).toEqual({ done: true });
    expect((await post(open, `/api/jobs/invoice/${second}/discard`)).json).toEqual({ done: false });
    expect((await post(open, `/api/jobs/invoice/${missing}/retry`)).json).toEqual({ done: false });
    const busy = await jobs.queues.invoice.push({ orderId: 2, card: '' });
    await running.promise;
    expect((await post(open, `/api/jobs/invoice/${busy.id}/discard`)).status).toBe(409);
    go.fire();
    expect((await post(open, '/api/jobs/invoice/nonsense/discard')).status).toBe(400);
    for (const path of [
      'mail/1/retry',
      `invoice/${first}/drop`,
      `invoice/${first}`,
      `invoice/${first}/retry/x`,
      '%ff/1/retry',
    ])
      expect((await post(open, `/api/jobs/${path}`)).status).toBe(404);
  });
});

describe('the outbox', () => {
  beforeEach(() => server.sql('drop table if exists sluice_outbox'));

  /** A message that was set aside. @returns its number */
  async function parked(database: Database): Promise<string> {
    await createOutboxTables(database.current);
    const message = { channel: 'mail', queue: 'welcome', payload: { to: 'canary@shop.example' } };
    await addToOutbox(database.current, [message]);
    const relay = createRelay(database, {
      channel: 'mail',
      maxAttempts: 1,
      deliver: () => Promise.reject(new Error('refused by <img src=x onerror=alert(1)>')),
    });
    relay.start();
    onTestFinished(() => relay.stop());
    const waiting = (): Promise<unknown[]> => server.sql('select 1 from sluice_outbox where parked_at is null');
    await until('all is set aside', async () => (await waiting()).length === 0);
    await relay.stop();
    const [found] = await parkedMessages(database.current, 'mail');
    return found?.number ?? '';
  }

  it('is counted by channel, and lists what was set aside', async () => {
    const database = server.open();
    const number = await parked(database);
    const open = await openInspector({ database, outbox: database.current });
    const now = await shown(open, ({ channels }) => channels.some(({ name }) => name === 'mail'));
    expect(now.channels.find(({ name }) => name === 'mail')).toMatchObject({ waiting: 0, parked: 1 });
    const answer = await open.get('/api/outbox?channel=mail');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    const messages = messagesOf(answer);
    expect(messages).toMatchObject([{ channel: 'mail', number, queue: 'welcome', attempts: 1 }]);
    expect(messages[0]?.error).toContain('<img src=x onerror=alert(1)>');
    expect(JSON.stringify(messages)).not.toContain('canary');
    const withPayloads = await openInspector({ database, outbox: database.current, payloads: true });
    const list = messagesOf(await withPayloads.get('/api/outbox?channel=mail'));
    expect(list[0]?.payload).toBe('{"to":"canary@shop.example"}');
  });

  it('has its messages replayed and discarded by POST, where that is allowed', async () => {
    const database = server.open();
    const number = await parked(database);
    const open = await openInspector({ database, outbox: database.current, actions: true });
    expect((await open.get(`/api/outbox/mail/${number}/discard`)).status).toBe(405);
    expect((await post(open, `/api/outbox/mail/${number}/replay`)).json).toEqual({ done: true });
    expect((await post(open, `/api/outbox/mail/${number}/replay`)).json).toEqual({ done: false });
    // It is set aside once more, with another one.
    await parked(database);
    expect(await parkedMessages(database.current, 'mail')).toHaveLength(2);
    for (const { number: each } of await parkedMessages(database.current, 'mail'))
      expect((await post(open, `/api/outbox/mail/${each}/discard`)).json).toEqual({ done: true });
    expect(await parkedMessages(database.current, 'mail')).toEqual([]);
    expect((await post(open, '/api/outbox/mail/nonsense/discard')).status).toBe(400);
  });

  it('is empty where its tables were not made, and where there is none, its routes are not there', async () => {
    const database = server.open();
    const open = await openInspector({ database, outbox: database.current });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await open.snapshot()).toMatchObject({ channels: [], problems: [] });
    expect((await open.get('/api/outbox?channel=mail')).status).toBe(404);
    const without = await openInspector({ database, actions: true });
    for (const path of ['/api/outbox?channel=mail', '/api/jobs?queue=invoice&state=failed'])
      expect((await without.get(path)).status).toBe(404);
    expect((await post(without, '/api/outbox/mail/1/discard')).status).toBe(404);
  });
});

it('says where the counts have no answer', async () => {
  const database = server.open({ max: 1, maxLevel: 0, acquireTimeout: 10_000 });
  await createOutboxTables(database.current);
  const open = await openInspector({ database, outbox: database.current });
  const release = signal();
  const held = signal();
  const holder = database.transaction(async () => {
    await database.query('select 1');
    held.fire();
    await release.promise;
  });
  await held.promise;
  const now = await shown(open, ({ problems }) => problems.length > 1);
  expect(now.problems).toEqual([
    'The outbox cannot be counted: Error',
    'The received messages cannot be counted: Error',
  ]);
  release.fire();
  await holder;
});
