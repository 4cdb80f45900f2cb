import { duration } from '../../terminal/text.ts';
import { isRefused } from '../../servers/failure.ts';
import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check, Finding } from '../finding.ts';

/** A replica that is further behind is a finding; in seconds. */
const tolerated = 10;

/** Whether this server follows another one, and how far it is behind. */
export const replicas: Check<DatabaseServer> = {
  name: 'replicas',
  async look(server) {
    const isMariaDb = server.product.startsWith('MariaDB');
    const rows = await server
      .ask<Record<string, unknown>>(isMariaDb ? 'show all slaves status' : 'show replica status')
      .catch((error: unknown) => {
        // Without its privilege there is nothing to be seen.
        if (isRefused(error)) return [];
        throw error;
      });
    return rows.flatMap(findingOf);
  },
};

function findingOf(row: Record<string, unknown>): readonly Finding[] {
  const applies = row['Slave_SQL_Running'] ?? row['Replica_SQL_Running'];
  const receives = row['Slave_IO_Running'] ?? row['Replica_IO_Running'];
  if (applies === 'No' || receives === 'No') {
    return [
      {
        code: 'REPLICA_STOPPED',
        severity: 'error',
        what: `The server is a replica that has stopped ${receives === 'No' ? 'to receive' : 'to apply'} what its primary writes`,
        remedy: 'Read its status (SHOW ALL SLAVES STATUS), mend the cause, and start it again',
      },
    ];
  }
  const behind = Number(row['Seconds_Behind_Master'] ?? row['Seconds_Behind_Source'] ?? 0);
  if (behind <= tolerated) return [];
  return [
    {
      code: 'REPLICA_DELAYED',
      severity: 'warning',
      what: `This server is ${duration(behind * 1_000)} behind its primary`,
      remedy: 'See what it waits for (SHOW ALL SLAVES STATUS); until then do not read from it what was just written',
    },
  ];
}
