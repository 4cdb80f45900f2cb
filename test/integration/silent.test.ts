// The longest that a call takes is its timeout, whatever the server does.
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../src/index.ts';
import { postgresEngine } from '../support/engines/postgres.ts';
import { silentSuite } from '../support/silent-suite.ts';

silentSuite({
  engine: postgresEngine,
  open: (connectionString, max) =>
    createDatabase({ clients: { default: postgres({ connectionString, max, acquireTimeout: 3_000 }) } }),
  pinned: async (database, first, between, second) => {
    const client = await ambientPool(database).connect();
    try {
      await client.query(first);
      await between();
      await client.query(second);
    } finally {
      client.release();
    }
  },
});
