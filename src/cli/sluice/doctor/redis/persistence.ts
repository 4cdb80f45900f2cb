import type { Check, Finding } from '../finding.ts';
import type { RedisServer } from './redis-server.ts';

/** What is left of Redis after it is started again. */
export const persistence: Check<RedisServer> = {
  name: 'persistence',
  async look({ info, setting }): Promise<readonly Finding[]> {
    if (info.get('aof_enabled') !== '0') return [];
    const snapshots = await setting('save');
    // Managed servers do not tell: whether they keep snapshots is not known then.
    if (snapshots === undefined) return [];
    if (snapshots === '') {
      return [
        {
          code: 'REDIS_NOT_PERSISTENT',
          severity: 'warning',
          what: 'Redis keeps nothing on disk: after a restart all jobs are gone',
          remedy: 'Set appendonly to yes where BullMQ keeps its jobs; ignore this for a Redis that is a cache alone',
          where: 'appendonly',
        },
      ];
    }
    return [
      {
        code: 'REDIS_SNAPSHOTS_ALONE',
        severity: 'note',
        what: `Redis writes snapshots to disk from time to time (save ${snapshots}): after a crash the jobs since the last one are gone`,
        remedy: 'Set appendonly to yes where BullMQ keeps its jobs',
        where: 'appendonly',
      },
    ];
  },
};
