import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check } from '../finding.ts';

const strict: ReadonlySet<string> = new Set(['repeatable read', 'serializable']);

/** The isolation level of transactions that ask for none. */
export const isolation: Check<DatabaseServer> = {
  name: 'isolation',
  async look(server) {
    const [row] = await server.ask<{ level: string; source: string }>(
      `select setting as level, source from pg_settings where name = 'default_transaction_isolation'`,
    );
    if (row === undefined || !strict.has(row.level)) return [];
    return [
      {
        code: 'ISOLATION_DEFAULT',
        severity: 'warning',
        what: `Transactions that ask for no isolation level run at ${row.level.toUpperCase()} here (set for the ${row.source}), and fail when they meet others (SQLSTATE 40001)`,
        remedy: 'Give transactions the option retry, or set default_transaction_isolation to read committed',
        where: 'default_transaction_isolation',
      },
    ];
  },
};
