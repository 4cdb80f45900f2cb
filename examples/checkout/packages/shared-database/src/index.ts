import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import { createDatabase } from 'sluice';
import { bindDrizzle } from 'sluice/drizzle';
import { bindKysely } from 'sluice/kysely';
import { ambientPool, postgres } from 'sluice/postgres';
import { createDataSource } from 'sluice/typeorm';
import { schemaName } from './schema.ts';

export {
  closeDatabase,
  getManager,
  initDatabase,
  registerEntities,
  withTransaction,
  withTransactionIsolation,
} from 'sluice/typeorm';

export const database = createDatabase({
  clients: {
    default: postgres({
      connectionString: process.env['DATABASE_URL'],
      options: `-c search_path=${schemaName}`,
      max: 10,
    }),
  },
});

/** Entities are registered by each service; the schema is made by migrations. */
export const dataSource = createDataSource(database, { entities: [] });

/** The tables as Kysely sees them. */
interface Tables {
  payment: { order_id: number; amount: number; method: string };
}

export const kysely = bindKysely(
  new Kysely<Tables>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }),
  database,
);

export const drizzled = bindDrizzle(drizzle(ambientPool(database)), database);
