import { isRefused } from '../../servers/failure.ts';
import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check } from '../finding.ts';

/** Who waits for whom is told to users with a privilege alone. */
export const lockDetection: Check<DatabaseServer> = {
  name: 'lock detection',
  async look(server) {
    try {
      await server.ask('select 1 from information_schema.innodb_trx limit 1');
      return [];
    } catch (error) {
      if (!isRefused(error)) throw error;
      return [
        {
          code: 'LOCKS_HIDDEN',
          severity: 'note',
          what: 'This user has no privilege PROCESS, so deadlocks on row locks along a chain are not named: they end with the lock wait timeout',
          remedy: 'GRANT PROCESS ON *.* to the user, or give transactions the option timeout',
        },
      ];
    }
  },
};
