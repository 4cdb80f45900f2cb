// Does a little of everything that is measured, in the program of docs/opentelemetry.md.
import { createCache, defineCache } from '../../../src/cache/index.ts';
import type { Database } from '../../../src/index.ts';
import { addToOutbox, createOutboxTables } from '../../../src/outbox/index.ts';
import { createJobs, defineQueue, memory } from '../../../src/queue/index.ts';

/** Has each metric of Sluice a value. */
export async function exercise(database: Database): Promise<void> {
  await createOutboxTables(database.current);
  let attempts = 0;
  await database.transaction(
    async () => {
      attempts += 1;
      await database.query('select 1');
      if (attempts === 1) await database.query(`do $$ begin raise exception using errcode = '40001'; end $$`);
    },
    { retry: { attempts: 2, delay: 1 } },
  );
  const failing = database.transaction(async () => {
    database.current.afterCommit(() => {
      throw new TypeError('no mail');
    });
    await database.query('select 1');
    await addToOutbox(database.current, [{ channel: 'mail', queue: 'orders', payload: {} }]);
  });
  await failing.catch(() => undefined);
  const cache = createCache(database, defineCache<number, number>({ name: 'stock' }));
  await cache.getOrSet(1, () => Promise.resolve(7));
  await cache.getOrSet(1, () => Promise.resolve(8));
  const invoice = defineQueue<number, number>('invoice');
  const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
  jobs.worker().handle(invoice, (data) => data + 1);
  await jobs.queues.invoice.pushAsync(1);
  await jobs.close();
  await timeOut(database);
}

/** A request for a connection that gets none. */
async function timeOut(database: Database): Promise<void> {
  await database.transaction(async () => {
    await database.query('select 1');
    const { promise, resolve } = Promise.withResolvers<unknown>();
    database.detached(() => database.query('select 2').catch(resolve));
    await promise;
  });
}
