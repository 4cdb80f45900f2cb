import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check } from '../finding.ts';

/** A server that takes no writes. */
export const readOnly: Check<DatabaseServer> = {
  name: 'read-only',
  async look(server) {
    const [row] = await server.ask<{ readOnly: unknown }>('select @@global.read_only as readOnly');
    if (row === undefined || ['0', 'OFF'].includes(String(row.readOnly))) return [];
    return [
      {
        code: 'SERVER_READ_ONLY',
        severity: 'warning',
        what: 'The server takes no writes (read_only is on)',
        remedy: 'Name the primary for a client that writes; ignore this for one that only reads',
        where: 'read_only',
      },
    ];
  },
};
