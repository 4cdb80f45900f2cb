// CommonJS, since the package says nothing else.
import assert from 'node:assert/strict';
import { createDatabase } from 'sluice';
import { createKnex } from 'sluice/knex';
import { postgres } from 'sluice/postgres';

async function main(): Promise<void> {
  const table = `fresh_${process.pid}`;
  const database = createDatabase({
    clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max: 1 }) },
  });
  const knex = createKnex(database);
  await database.query(`create table ${table} (id int primary key)`);
  try {
    await database.transaction(() => knex(table).insert({ id: 1 }));
    const declined = database.transaction(async () => {
      await knex.transaction((trx) => trx(table).insert({ id: 2 }));
      throw new RangeError('declined');
    });
    await assert.rejects(declined, RangeError);
    assert.deepEqual(await knex(table).select('id'), [{ id: 1 }]);
  } finally {
    await database.query(`drop table ${table}`);
    await database.close();
  }
}

void main();
