// What users do with Kysely, on both servers.
import { type Generated, Kysely, MysqlDialect, PostgresDialect } from 'kysely';
import { createPool } from 'mysql2';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { ambientPool as ambientMysqlPool } from '../../../src/drivers/mysql/index.ts';
import { ambientPool as ambientPgPool } from '../../../src/drivers/postgres/index.ts';
import { bindKysely } from '../../../src/integrations/kysely/index.ts';
import { engine } from '../../support/database.ts';
import { failureOf, type Openings, type Usage } from './suite.ts';

interface Tables {
  product: { id: number; stock: Generated<number>; name: string | null };
}

export const openings: Openings<Kysely<Tables>> = {
  alone: (url) =>
    new Kysely<Tables>({
      dialect:
        engine.name === 'mariadb'
          ? new MysqlDialect({ pool: createPool({ uri: url, connectionLimit: 4 }) })
          : new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 4 }), cursor: Cursor }),
    }),
  bound: (database) =>
    bindKysely(
      new Kysely<Tables>({
        dialect:
          engine.name === 'mariadb'
            ? new MysqlDialect({ pool: ambientMysqlPool(database) })
            : new PostgresDialect({ pool: ambientPgPool(database), cursor: Cursor }),
      }),
      database,
    ),
  close: (kysely) => kysely.destroy(),
};

export const usages: readonly Usage<Kysely<Tables>>[] = [
  {
    topic: 'nested transactions that fail',
    name: 'a savepoint to which a controlled transaction goes back after a failed statement',
    async run({ client }) {
      const trx = await client.startTransaction().execute();
      await trx.insertInto('product').values({ id: 1 }).execute();
      const inner = await trx.savepoint('inner').execute();
      const failure = await failureOf(inner.insertInto('product').values({ id: 1 }).execute());
      const after = await inner.rollbackToSavepoint('inner').execute();
      await after.insertInto('product').values({ id: 2 }).execute();
      await after.commit().execute();
      return failure;
    },
  },
];
