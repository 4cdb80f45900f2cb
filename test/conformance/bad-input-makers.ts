// The entrances that make what they give, by name.
import type { Knex } from 'knex';
import { ambientPool as ambientPoolOfMysql, mysql } from '../../src/drivers/mysql/index.ts';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { unused } from './bad-input.ts';

interface Maker {
  /** One that it takes, whose server is not there. */
  readonly database: () => Database;
  readonly make: (database: Database, clientName?: string) => unknown;
  readonly makeWith?: (database: Database, options: object) => unknown;
  readonly use: (database: Database) => PromiseLike<unknown>;
}

const naming = (clientName: string | undefined): object => (clientName === undefined ? {} : { clientName });

export const makers: Readonly<Record<string, Maker>> = {
  createKnex: {
    database: unused,
    make: (database, clientName) => createKnex(database, naming(clientName)),
    makeWith: (database, options) => createKnex(database, options),
    use: (database) => createKnex(database).raw('select 1') as Knex.Raw<unknown>,
  },
  createDataSource: {
    database: unused,
    make: (database, clientName) => createDataSource(database, naming(clientName)),
    makeWith: (database, options) => createDataSource(database, options),
    use: (database) => createDataSource(database).initialize(),
  },
  'ambientPool of PostgreSQL': {
    database: unused,
    make: (database, clientName) => ambientPool(database, clientName),
    makeWith: (database, options) => ambientPool(database, undefined, options),
    use: (database) => ambientPool(database).query('select 1'),
  },
  'ambientPool of MySQL': {
    database: () => createDatabase({ clients: { default: mysql({ host: '127.0.0.1', port: 1 }) } }),
    make: (database, clientName) => ambientPoolOfMysql(database, clientName),
    use: (database) => ambientPoolOfMysql(database).promise().query('select 1'),
  },
};
