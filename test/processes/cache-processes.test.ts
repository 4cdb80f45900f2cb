import { expect, it } from 'vitest';
import { checkProcesses } from '../checkers/cache-processes.ts';
import { useTestDatabase } from '../support/database.ts';
import { ownRedis } from '../support/redis-server.ts';

const server = useTestDatabase();
const redis = await ownRedis();

it.skipIf(redis === undefined)(
  'four processes that are killed and frozen, on a Redis that is killed, emptied and cut off: 20,000 reads and ten faults, nothing wrong',
  { timeout: 180_000 },
  async () => {
    if (redis === undefined) return;
    const seed = 1 + Math.floor(Math.random() * 1e9);
    try {
      const result = await checkProcesses({ url: server.url, redis, checks: 20_000, faults: 10, seed });
      expect({ ...result, seed }).toMatchObject({ violations: 0, first: undefined });
      expect(Math.min(result.hits, result.commits, result.rollbacks)).toBeGreaterThan(100);
      expect(result.kills + result.freezes + result.redisKills + result.flushes + result.cuts).toBeGreaterThanOrEqual(
        10,
      );
    } finally {
      await redis.stop();
    }
  },
);
