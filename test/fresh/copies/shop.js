// A library with a copy of the package of its own, in the other module form: one context, and errors of one another.
import assert from 'node:assert/strict';
import { cpSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createDatabase, SluiceError, UnexpectedRollbackError } from 'sluice';
import { postgres } from 'sluice/postgres';

cpSync(realpathSync('node_modules/sluice'), 'library/node_modules/sluice', { recursive: true });
const other = createRequire(new URL('library/index.js', import.meta.url))('sluice');
assert.notEqual(other.createDatabase, createDatabase);
assert.notEqual(other.SluiceError, SluiceError);

const table = `fresh_${process.pid}`;
const database = createDatabase({
  clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max: 1 }) },
});
await database.query(`create table ${table} (id int primary key)`);
try {
  const told = [];
  await database.transaction(async () => {
    assert.equal(other.isTransactionActive(), true);
    other.afterCommit(() => void told.push('committed'));
    await database.query(other.statement(`insert into ${table} values ($1)`, [1]));
  });
  const refused = database.transaction(async () => {
    await database.query(`insert into ${table} values (2)`);
    other.setRollbackOnly();
  });
  await assert.rejects(
    refused,
    (error) => error instanceof other.SluiceError && error instanceof UnexpectedRollbackError,
  );
  const { rows } = await database.query(`select id from ${table}`);
  assert.deepEqual(
    rows.map(({ id }) => id),
    [1],
  );
  assert.deepEqual(told, ['committed']);
} finally {
  await database.query(`drop table ${table}`);
  await database.close();
}
