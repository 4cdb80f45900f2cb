import { clockFindings } from '../databases/clock.ts';
import type { DatabaseServer } from '../databases/database-server.ts';
import { outbox } from '../databases/outbox.ts';
import type { Check } from '../finding.ts';
import { connections } from './connections.ts';
import { isolation } from './isolation.ts';
import { pooler } from './pooler.ts';
import { readOnly } from './read-only.ts';
import { replicas } from './replicas.ts';

/** What is looked at on PostgreSQL. */
export const postgresChecks: readonly Check<DatabaseServer>[] = [
  connections,
  pooler,
  readOnly,
  isolation,
  replicas,
  {
    name: 'clock',
    look: (server) =>
      clockFindings(server.settings.now, async () => {
        const [row] = await server.ask<{ now: unknown }>('select extract(epoch from clock_timestamp()) * 1000 as now');
        return Number(row?.now);
      }),
  },
  outbox,
];
