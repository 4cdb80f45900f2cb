import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue, type Jobs } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const endsByItself = fileURLToPath(new URL('../processes/programs/ends-by-itself.ts', import.meta.url));

await describeWith('Redis', 'jobs in Redis', () => {
  it('keep no process alive once they are closed', { timeout: 60_000 }, () => {
    const { status, stderr } = spawnSync(process.execPath, [endsByItself, server.url, redisUrl, redisKeys('ends')], {
      encoding: 'utf8',
      timeout: 50_000,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  describe('a job that BullMQ has failed itself', () => {
    it('is told as lost, and not with what an earlier attempt failed with', async () => {
      const prefix = redisKeys('lost');
      const add = defineQueue<number, number>('add');
      const jobs: Jobs<{ add: typeof add }> = createJobs(server.open(), {
        engine: bullmq({ connection: redisUrl, prefix }),
        queues: { add },
      });
      closing.push(async () => {
        await jobs.obliterate();
        await jobs.close({ timeout: 500 });
      });
      jobs.worker().handle(add, () => {
        throw new Error('of the handler');
      });
      const handle = await jobs.queues.add.push(1);
      await until('it has failed', async () => (await handle.status()) === 'failed');
      expect(await rejection(handle.result())).toMatchObject({ message: 'of the handler' });
      // As it leaves a job whose worker was lost too often: with a reason, and the stack of what was before.
      const redis = new Redis(redisUrl);
      const queue = new Queue('add.0', { connection: redis, prefix });
      closing.push(async () => {
        await queue.close();
        redis.disconnect();
      });
      await redis.hset(queue.toKey(handle.id), 'failedReason', 'job stalled more than allowable limit');
      expect(await rejection(handle.result())).toMatchObject({
        code: 'JOB_LOST',
        message: 'job stalled more than allowable limit',
      });
    });
  });
});
