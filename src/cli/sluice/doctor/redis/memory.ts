import type { Check } from '../finding.ts';
import type { RedisServer } from './redis-server.ts';

/** What Redis does when its memory is full. */
export const memory: Check<RedisServer> = {
  name: 'memory',
  look({ info }) {
    const policy = info.get('maxmemory_policy');
    if (policy === undefined || policy === 'noeviction') return [];
    return [
      {
        code: 'REDIS_EVICTS',
        severity: 'warning',
        what: `When its memory is full Redis removes keys (maxmemory-policy is ${policy}), those of jobs among them`,
        remedy:
          'Set maxmemory-policy to noeviction where BullMQ keeps its jobs; ignore this for a Redis that is a cache alone',
        where: 'maxmemory-policy',
      },
    ];
  },
};
