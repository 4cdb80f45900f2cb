import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check } from '../finding.ts';

/** A server, or a user, that takes no writes. */
export const readOnly: Check<DatabaseServer> = {
  name: 'read-only',
  async look(server) {
    const [row] = await server.ask<{ standby: boolean; read_only: string; source: string }>(
      `select pg_is_in_recovery() as standby, setting as read_only, source from pg_settings
        where name = 'default_transaction_read_only'`,
    );
    if (row?.standby === true) {
      return [
        {
          code: 'SERVER_READ_ONLY',
          severity: 'warning',
          what: 'The server is a standby, which takes no writes',
          remedy:
            'For a client that writes name the primary too, with targetSessionAttrs: "read-write"; ignore this for one that only reads',
        },
      ];
    }
    if (row?.read_only !== 'on') return [];
    return [
      {
        code: 'SERVER_READ_ONLY',
        severity: 'warning',
        what: `Transactions are read-only here unless they say otherwise (set for the ${row.source})`,
        remedy: 'Set default_transaction_read_only to off for who writes; ignore this for a client that only reads',
        where: 'default_transaction_read_only',
      },
    ];
  },
};
