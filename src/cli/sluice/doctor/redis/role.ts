import type { Check } from '../finding.ts';
import type { RedisServer } from './redis-server.ts';

/** Replicas take no writes. */
export const role: Check<RedisServer> = {
  name: 'role',
  look({ info }) {
    if (info.get('role') !== 'slave') return [];
    return [
      {
        code: 'SERVER_READ_ONLY',
        severity: 'warning',
        what: 'This Redis is a replica, which takes no writes',
        remedy: 'Name the primary, or connect through Sentinel',
      },
    ];
  },
};
