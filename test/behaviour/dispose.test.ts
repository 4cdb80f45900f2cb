import { expect, it } from 'vitest';
import { createOutboxTables, createRelay } from '../../src/outbox/index.ts';
import { createJobs, defineQueue, type Jobs, type Worker } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();

it('await using closes what has close or stop', async () => {
  const [invoice, receipt] = [defineQueue<undefined, string>('invoice'), defineQueue<undefined, string>('receipt')];
  const database = server.open({ max: 2 });
  await createOutboxTables(database.current);
  const delivered: unknown[] = [];
  const left: { jobs?: Jobs; worker?: Worker } = {};
  {
    await using open = database;
    await using jobs = createJobs(open, { queues: { invoice, receipt } });
    await using relay = createRelay(open, {
      channel: 'mail',
      deliver: async (messages) => void delivered.push(messages),
    });
    await using worker = jobs.worker();
    worker.handle(invoice, () => 'done');
    expect(await jobs.queues.invoice.pushAsync(undefined)).toBe('done');
    relay.start();
    Object.assign(left, { jobs, worker });
  }
  expect(() => left.jobs?.worker()).toThrow(expect.objectContaining({ code: 'JOBS_CLOSED' }));
  expect(() => left.worker?.handle(receipt, () => 'late')).toThrow('closed');
  expect(delivered).toEqual([]);
  expect(await rejection(database.current.query('select 1'))).toMatchObject({ code: 'DATABASE_CLOSED' });
});
