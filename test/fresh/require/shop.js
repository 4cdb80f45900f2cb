const assert = require('node:assert/strict');
const { createDatabase } = require('sluice');
const { postgres } = require('sluice/postgres');

async function main() {
  assert.equal(process.version, `v${process.argv[2]}`);
  const table = `fresh_${process.pid}`;
  const database = createDatabase({
    clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max: 1 }) },
  });
  await database.query(`create table ${table} (id int primary key)`);
  try {
    await database.transaction(() => database.query(`insert into ${table} values (1)`));
    const declined = database.transaction(async () => {
      await database.query(`insert into ${table} values (2)`);
      throw new RangeError('declined');
    });
    await assert.rejects(declined, RangeError);
    const { rows } = await database.query(`select id from ${table}`);
    assert.deepEqual(
      rows.map(({ id }) => id),
      [1],
    );
  } finally {
    await database.query(`drop table ${table}`);
    await database.close();
  }
}

void main();
