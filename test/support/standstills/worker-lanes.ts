import type { Database, HolderInfo } from '../../../src/index.ts';
import { createJobs, defineQueue, memory } from '../../../src/queue/index.ts';
import { signal, until } from '../settled.ts';
import { lock, type Place, staging, type Stage } from './staging.ts';

interface Lane {
  readonly database: Database<'default'>;
  /** Awaits the packing of a product. */
  readonly push: (id: number) => Promise<unknown>;
  readonly run: Place['run'];
  /** Those of the process that packs. */
  readonly packing: () => Promise<readonly HolderInfo[]>;
}

/** A transaction that has locked a row awaits a job behind one that wants the row, and there is one slot. */
export async function waitForSlot({ database, push, run, packing }: Lane): Promise<void> {
  const locked = signal();
  const isTaken = signal();
  const body = async (): Promise<void> => {
    await lock(database, 1);
    locked.fire();
    await isTaken.promise;
    await push(2);
  };
  run(database.transaction(body, { name: 'order' }));
  await locked.promise;
  run(database.transaction(() => push(1), { name: 'return' }));
  await until('the slot is taken', async () =>
    (await packing()).some(({ name, running }) => name === 'job pack' && running !== undefined),
  );
  isTaken.fire();
}

/** A transaction awaits a job for which no slot is free: the only one has a job that wants its row. */
export const workerLanes: Stage = staging(async ({ open, run, atEnd }) => {
  const database = open();
  const pack = defineQueue<number, void>('pack', { concurrency: 1 });
  const jobs = createJobs(database, { engine: memory(), queues: { pack } });
  atEnd(() => jobs.close({ timeout: 0 }));
  jobs.worker().handle(pack, (id) => lock(database, id));
  await waitForSlot({ database, push: (id) => jobs.queues.pack.pushAsync(id), run, packing: () => database.holders() });
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
