import { clockFindings } from '../databases/clock.ts';
import type { Check } from '../finding.ts';
import { memory } from './memory.ts';
import { persistence } from './persistence.ts';
import { role } from './role.ts';
import type { RedisServer } from './redis-server.ts';

/** What is looked at on Redis. */
export const redisChecks: readonly Check<RedisServer>[] = [
  memory,
  persistence,
  role,
  { name: 'clock', look: (server) => clockFindings(server.settings.now, () => server.time()) },
];
