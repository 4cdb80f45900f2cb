import { strict as assert } from 'node:assert';
import { createDatabase, sql } from 'sluice';
import { postgres } from 'sluice/postgres';

async function main(): Promise<void> {
  const table = `fresh_${process.pid}`;
  const database = createDatabase({
    clients: { default: postgres({ connectionString: process.env['DATABASE_URL'], max: 1 }) },
  });
  await database.query(`create table ${table} (id int primary key)`);
  try {
    await database.transaction(() => database.query(`insert into ${table} values (1)`));
    const declined = database.transaction(async () => {
      await database.query(`insert into ${table} values (2)`);
      throw new RangeError('declined');
    });
    await assert.rejects(declined, RangeError);
    const { rows } = await database.query(sql<{ id: number }>`select id from ${sql.id(table)}`);
    const ids: number[] = rows.map(({ id }) => id);
    assert.deepEqual(ids, [1]);
  } finally {
    await database.query(`drop table ${table}`);
    await database.close();
  }
}

void main();
