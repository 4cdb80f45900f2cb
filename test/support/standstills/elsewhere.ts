import { randomUUID } from 'node:crypto';
import type { Database } from '../../../src/index.ts';
import { redisKeys } from '../servers.ts';
import { type OtherProcess, startOther } from './other-process.ts';
import { packers } from './packers.ts';
import { lock, type Place, staging, type Stage } from './staging.ts';
import { waitForSlot } from './worker-lanes.ts';

/** This process, and one that runs the jobs of a queue one at a time. */
async function withPacker({ server, open, atEnd }: Place): Promise<{
  readonly database: Database<'default'>;
  readonly jobs: ReturnType<typeof packers>;
  readonly packer: OtherProcess;
}> {
  const prefix = redisKeys(randomUUID());
  const database = open();
  const jobs = packers(database, prefix);
  atEnd(async () => {
    await jobs.obliterate();
    await jobs.close({ timeout: 0 });
  });
  const packer = startOther(new URL('packing-program.ts', import.meta.url), [server.url, prefix], atEnd);
  await packer.told('ready');
  return { database, jobs, packer };
}

/** A transaction locks a row and awaits a job of another process that wants it. */
export const awaitedJobElsewhere: Stage = staging(async (place) => {
  const { database, jobs, packer } = await withPacker(place);
  const body = async (): Promise<void> => {
    await lock(database, 1);
    await jobs.queues.pack.pushAsync(1);
  };
  place.run(database.transaction(body, { name: 'order' }));
  return {
    expected: {
      kind: 'circle',
      members: ['order', 'job pack'],
      text: [
        '2 wait for each other in a circle',
        /waits for job \S+ of queue "pack"/,
        /below "order" \(backend \d+\)\) for/,
        'held by "order"',
      ],
    },
    others: () => packer.holders(),
  };
});

/** A transaction awaits a job for which another process has no slot free: its only one has a job that wants the row. */
export const workerLanesElsewhere: Stage = staging(async (place) => {
  const { database, jobs, packer } = await withPacker(place);
  await waitForSlot({
    database,
    push: (id) => jobs.queues.pack.pushAsync(id),
    run: place.run,
    packing: () => packer.holders(),
  });
  return {
    expected: {
      kind: 'circle',
      members: ['order', 'job pack'],
      text: [
        '2 wait for each other in a circle',
        'for which no slot of its lane is free',
        'held by "order"',
        '1 more wait behind them',
      ],
    },
    others: () => packer.holders(),
  };
});
