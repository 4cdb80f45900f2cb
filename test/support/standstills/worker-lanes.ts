import { createJobs, defineQueue, memory } from '../../../src/queue/index.ts';
import { signal, until } from '../settled.ts';
import { lock, staging, type Stage } from './staging.ts';

/** A transaction awaits a job for which no slot is free: the only one has a job that wants its row. */
export const workerLanes: Stage = staging(async ({ open, run, atEnd }) => {
  const database = open();
  const pack = defineQueue<number, void>('pack', { concurrency: 1 });
  const jobs = createJobs(database, { engine: memory(), queues: { pack } });
  atEnd(() => jobs.close({ timeout: 0 }));
  jobs.worker().handle(pack, (id) => lock(database, id));
  const locked = signal();
  const isTaken = signal();
  const body = async (): Promise<void> => {
    await lock(database, 1);
    locked.fire();
    await isTaken.promise;
    await jobs.queues.pack.pushAsync(2);
  };
  run(database.transaction(body, { name: 'order' }));
  await locked.promise;
  run(database.transaction(() => jobs.queues.pack.pushAsync(1), { name: 'return' }));
  await until('the slot is taken', async () =>
    (await database.holders()).some(({ name, running }) => name === 'job pack' && running !== undefined),
  );
  isTaken.fire();
  return {
    kind: 'circle',
    members: ['order', 'job pack'],
    text: [
      '2 wait for each other in a circle',
      'of queue "pack"',
      'for which no slot of its lane is free',
      'held by "order"',
      '1 more wait behind them',
    ],
  };
});
