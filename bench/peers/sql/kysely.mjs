import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';

export const name = 'Kysely';

export async function open({ url, width, table }) {
  const pool = new pg.Pool({ connectionString: url, max: width });
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const updateIn = (on, id) => sql`update ${sql.table(table)} set value = value + 1 where id = ${id}`.execute(on);
  const run = (body, { isolation } = {}) => {
    const builder = db.transaction();
    const isolated = isolation === undefined ? builder : builder.setIsolationLevel(isolation);
    return isolated.execute((tx) => body({ update: (id) => updateIn(tx, id) }));
  };
  return {
    run,
    requiresNew: run,
    read: (id) => sql`select value from ${sql.table(table)} where id = ${id}`.execute(db),
    close: () => db.destroy(),
  };
}
