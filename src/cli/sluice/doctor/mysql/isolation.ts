import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check } from '../finding.ts';

const remarks: Readonly<Record<string, string>> = {
  'READ-UNCOMMITTED': 'and see what others have not committed',
  SERIALIZABLE: 'where each SELECT locks what it reads, and waits for who writes it',
};

/** The isolation level of transactions that ask for none. */
export const isolation: Check<DatabaseServer> = {
  name: 'isolation',
  async look(server) {
    const name = server.product.startsWith('MariaDB') ? 'tx_isolation' : 'transaction_isolation';
    const [row] = await server.ask<{ level: string }>(`select @@${name} as level`);
    const remark = remarks[row?.level ?? ''];
    if (row === undefined || remark === undefined) return [];
    return [
      {
        code: 'ISOLATION_DEFAULT',
        severity: 'warning',
        what: `Transactions that ask for no isolation level run at ${row.level} here, ${remark}`,
        remedy:
          'Set transaction_isolation to REPEATABLE-READ or READ-COMMITTED, and ask for other levels where they are wanted',
        where: 'transaction_isolation',
      },
    ];
  },
};
