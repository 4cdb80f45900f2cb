import type { Database } from '../../src/index.ts';
import { createJobs, defineQueue, type QueueEngineFactory } from '../../src/queue/index.ts';
import type { ShopSettings } from '../settings.ts';
import { note, type Order, type Part } from './part.ts';

const invoice = defineQueue<{ order: string }, string>('invoice', {
  attempts: 1_000,
  backoff: { type: 'fixed', delay: 100 },
  concurrency: 4,
});

/** Sees to it that a job whose worker was killed runs again soon. */
async function engineOf({ engine, databaseUrl, jobsUrl, prefix }: ShopSettings): Promise<QueueEngineFactory> {
  if (engine === 'postgres') {
    const { pgBoss } = await import('../../src/queue/engines/pg-boss/index.ts');
    return pgBoss({ connectionString: databaseUrl, pollInterval: 200 });
  }
  const { bullmq } = await import('../../src/queue/engines/bullmq/index.ts');
  return bullmq({ connection: jobsUrl, prefix, lostAfter: 1_000 });
}

/** An invoice for each sale, by a job that leaves with the commit. */
export async function invoices(database: Database<'default'>, settings: ShopSettings): Promise<Part> {
  const jobs = createJobs(database, { queues: { invoice }, engine: await engineOf(settings) });
  return {
    name: 'jobs',
    record: async ({ id }: Order) => void (await jobs.queues.invoice.push({ order: id })),
    start() {
      jobs.worker().handle(invoice, async ({ order }) => {
        await note(database, 'invoice', order);
        return order;
      });
    },
    stop: () => jobs.close({ timeout: 5_000 }),
  };
}
