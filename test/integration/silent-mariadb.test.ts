// The same on MariaDB.
import { ambientPool, mysql } from '../../src/drivers/mysql/index.ts';
import { createDatabase } from '../../src/index.ts';
import { mariadbEngine } from '../support/engines/mariadb.ts';
import { describeWith } from '../support/servers.ts';
import { silentSuite } from '../support/silent-suite.ts';

await describeWith('MariaDB', 'MariaDB', () =>
  silentSuite({
    engine: mariadbEngine,
    open: (uri, max) => createDatabase({ clients: { default: mysql({ uri, max, acquireTimeout: 3_000 }) } }),
    pinned: async (database, first, between, second) => {
      const client = await ambientPool(database).promise().getConnection();
      try {
        await client.query(first);
        await between();
        await client.query(second);
      } finally {
        client.release();
      }
    },
  }),
);
