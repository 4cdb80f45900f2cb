import { clockFindings } from '../databases/clock.ts';
import type { DatabaseServer } from '../databases/database-server.ts';
import { outbox } from '../databases/outbox.ts';
import type { Check } from '../finding.ts';
import { connections } from './connections.ts';
import { isolation } from './isolation.ts';
import { lockDetection } from './lock-detection.ts';
import { readOnly } from './read-only.ts';
import { replicas } from './replicas.ts';

/** What is looked at on MySQL and MariaDB. */
export const mysqlChecks: readonly Check<DatabaseServer>[] = [
  connections,
  readOnly,
  isolation,
  lockDetection,
  replicas,
  {
    name: 'clock',
    look: (server) =>
      clockFindings(server.settings.now, async () => {
        const [row] = await server.ask<{ now: unknown }>('select unix_timestamp(sysdate(6)) * 1000 as now');
        return Number(row?.now);
      }),
  },
  outbox,
];
