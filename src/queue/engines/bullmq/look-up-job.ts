import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobState } from '../../engine/index.ts';
import { type BullJobData, type Place, stateOf } from './stored-job.ts';

/**
 * What is known of a job; nothing where Redis does not have it. Where it stands is asked first, and of what the
 * job holds then only what belongs to that counts: BullMQ leaves the reason of an earlier failure in the job.
 */
export async function lookUp(redis: Redis, queue: Queue<BullJobData>, id: string): Promise<JobState | undefined> {
  // Both are sent at once and answered in this order, so that a job that has ended has its outcome.
  const [place, job] = await Promise.all([placeOf(redis, queue, id), queue.getJob(id)]);
  return job === undefined ? undefined : stateOf(job, place);
}

/** The sets of BullMQ have jobs that have ended; one that runs is locked. */
async function placeOf(redis: Redis, queue: Queue<BullJobData>, id: string): Promise<Place> {
  const [completed, failed, locked] = await Promise.all([
    redis.zscore(queue.toKey('completed'), id),
    redis.zscore(queue.toKey('failed'), id),
    redis.exists(`${queue.toKey(id)}:lock`),
  ]);
  if (completed !== null) return 'completed';
  if (failed !== null) return 'failed';
  return locked === 1 ? 'active' : 'waiting';
}
