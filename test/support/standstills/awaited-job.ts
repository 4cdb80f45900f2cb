import { createJobs, defineQueue, memory } from '../../../src/queue/index.ts';
import { lock, staging, type Stage } from './staging.ts';

/** A transaction locks a row and awaits a job that wants it. */
export const awaitedJob: Stage = staging(async ({ open, run, atEnd }) => {
  const database = open();
  const reserve = defineQueue<number, void>('reserve');
  const jobs = createJobs(database, { engine: memory(), queues: { reserve } });
  atEnd(() => jobs.close({ timeout: 0 }));
  jobs.worker().handle(reserve, (id) => lock(database, id));
  const body = async (): Promise<void> => {
    await lock(database, 1);
    await jobs.queues.reserve.pushAsync(1);
  };
  run(database.transaction(body, { name: 'order' }));
  return {
    kind: 'circle',
    members: ['order', 'job reserve'],
    text: [
      '2 wait for each other in a circle',
      /waits for job \S+ of queue "reserve"/,
      'waits for a lock on',
      /below "order" \(backend \d+\)\) for/,
      'held by "order"',
    ],
  };
});
