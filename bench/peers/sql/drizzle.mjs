import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';

export const name = 'Drizzle';

export async function open({ url, width, table }) {
  const pool = new pg.Pool({ connectionString: url, max: width });
  const db = drizzle(pool);
  const name = sql.raw(table);
  const run = (body, { isolation } = {}) =>
    db.transaction(
      (tx) =>
        body({
          update: (id) => tx.execute(sql`update ${name} set value = value + 1 where id = ${id}`),
          nested: (inner) => tx.transaction(inner),
        }),
      isolation === undefined ? undefined : { isolationLevel: isolation },
    );
  return {
    run,
    requiresNew: run,
    read: (id) => db.execute(sql`select value from ${name} where id = ${id}`),
    close: () => pool.end(),
  };
}
