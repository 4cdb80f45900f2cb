// A program of ES modules with a library that requires Sluice: both forms of the package in one process.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { createDatabase, isTransactionActive, sql, SluiceError } from 'sluice';
import type * as Sluice from 'sluice';
import { sqlite } from 'sluice/sqlite';

const required = createRequire(import.meta.url)('sluice') as typeof Sluice;

void describe('the ES modules and the CommonJS of the package', () => {
  const database = createDatabase({ clients: { default: sqlite() } });
  const count = async (): Promise<number | undefined> =>
    (await database.query(sql<{ n: number }>`select count(*) as n from product`)).rows[0]?.n;
  before(() => database.query('create table product (id integer)'));
  after(() => database.close());

  void it('are two builds', () => {
    assert.notEqual(required.createDatabase, createDatabase);
  });

  void it('know the objects of one another', () => {
    assert.ok(database instanceof required.Database);
  });

  void it('share transactions, statements and hooks', async () => {
    const told: string[] = [];
    const failed = database.transaction(async () => {
      assert.equal(required.isTransactionActive(), true);
      required.afterRollback(() => void told.push('rolled back'));
      await database.query(required.sql`insert into product values (${1})`);
      throw new Error('declined');
    });
    await assert.rejects(failed, /declined/);
    assert.equal(await count(), 0);
    await database.transaction(async () => {
      required.afterCommit(() => void told.push('committed'));
      await database.query(required.statement('insert into product values ($1)', [1]));
    });
    assert.equal(await count(), 1);
    assert.deepEqual(told, ['rolled back', 'committed']);
    assert.equal(isTransactionActive(), false);
  });

  void it('share errors', async () => {
    const refused = database.transaction(async () => {
      required.setRollbackOnly();
    });
    await assert.rejects(refused, (error) => error instanceof required.SluiceError && error instanceof SluiceError);
    await assert.rejects(refused, required.UnexpectedRollbackError);
  });
});
