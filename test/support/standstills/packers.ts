import type { Database } from '../../../src/index.ts';
import { bullmq } from '../../../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue, type Jobs, type QueueDefinition } from '../../../src/queue/index.ts';
import { redisUrl } from '../servers.ts';

/** Runs one at a time. */
export const pack: QueueDefinition<number, void> = defineQueue('pack', { concurrency: 1 });

/** Jobs that several processes share, over Redis. @param prefix keeps them apart from those of others */
export function packers(database: Database, prefix: string): Jobs<{ pack: typeof pack }> {
  return createJobs(database, { engine: bullmq({ connection: redisUrl, prefix }), queues: { pack }, relay: false });
}
