// The same on MariaDB.
import { Kysely, MysqlDialect } from 'kysely';
import { afterAll, beforeAll, vi } from 'vitest';
import { ambientPool, mysql } from '../../src/drivers/mysql/index.ts';
import { createDatabase } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { mariadbEngine } from '../support/engines/mariadb.ts';
import { networkSuite, Trace } from '../support/network-suite.ts';
import { describeWith } from '../support/servers.ts';

await describeWith('MariaDB', 'MariaDB', () => {
  // mysql2 writes about what it cannot read.
  beforeAll(() => [vi.spyOn(console, 'error'), vi.spyOn(console, 'trace')].forEach((spy) => spy.mockReturnValue()));
  afterAll(() => vi.restoreAllMocks());
  networkSuite({
    engine: mariadbEngine,
    open: (uri) => createDatabase({ clients: { default: mysql({ uri, max: 2, acquireTimeout: 5_000 }) } }),
    kysely: (database) =>
      bindKysely(new Kysely({ dialect: new MysqlDialect({ pool: ambientPool(database) }) }), database),
    knex: (database) => createKnex(database),
    typeOrm: (database) => createDataSource(database, { type: 'mariadb', entities: [Trace] }),
    busy: `select count(*) as busy from information_schema.processlist
      where db = database() and id <> connection_id() and (command <> 'Sleep'
        or id in (select trx_mysql_thread_id from information_schema.innodb_trx))`,
    cuts: 400,
  });
});
