// What is told is what is there, wherever the network fails.
import { Kysely, PostgresDialect } from 'kysely';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../src/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { postgresEngine } from '../support/engines/postgres.ts';
import { networkSuite, Trace } from '../support/network-suite.ts';

networkSuite({
  engine: postgresEngine,
  open: (connectionString) =>
    createDatabase({ clients: { default: postgres({ connectionString, max: 2, acquireTimeout: 5_000 }) } }),
  kysely: (database) =>
    bindKysely(new Kysely({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }), database),
  knex: (database) => createKnex(database),
  typeOrm: (database) => createDataSource(database, { entities: [Trace] }),
  busy: "select count(*) as busy from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()",
  // Columns and values that are not there, a tag without its end, a state that is none.
  garbage: ['5400000008138800000000', '44000000070010ffff', '4300000003', '5a0000000500'].map((hex) =>
    Buffer.from(hex, 'hex'),
  ),
  cuts: 1_000,
});
