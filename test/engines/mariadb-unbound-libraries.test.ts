import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/mysql2';
import { Kysely, MysqlDialect } from 'kysely';
import type { Pool } from 'mysql2';
import { describe, expect, it } from 'vitest';
import { ambientPool, mysql } from '../../src/drivers/mysql/index.ts';
import { createDatabase, UnboundLibraryError } from '../../src/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
const kyselyOn = (pool: Pool): Kysely<object> => new Kysely<object>({ dialect: new MysqlDialect({ pool }) });

const unbound: Record<string, (pool: Pool) => Promise<unknown>> = {
  Kysely: (pool) =>
    kyselyOn(pool)
      .transaction()
      .execute(() => Promise.resolve()),
  Drizzle: (pool) => drizzle(pool).transaction((tx) => tx.execute(sql`select 1`)),
};

describe('a library that is not bound, on MariaDB', () => {
  it.each(Object.entries(unbound))('%s is refused with unbound: error', async (name, begin) => {
    await using database = createDatabase({ clients: { default: mysql({ uri: server.url }) }, unbound: 'error' });
    const found = UnboundLibraryError.find(await rejection(begin(ambientPool(database))));
    expect(found?.message).toContain(name);
  });

  it('those that are bound are not', async () => {
    await using database = createDatabase({ clients: { default: mysql({ uri: server.url }) }, unbound: 'error' });
    const kysely = bindKysely(kyselyOn(ambientPool(database)), database);
    await kysely.transaction().execute(() => Promise.resolve());
    await (await kysely.startTransaction().execute()).commit().execute();
    await createKnex(database).transaction((trx) => trx.raw('select 1'));
  });
});
