import { afterEach, describe, expect, it } from 'vitest';
import { afterCommit, afterCompletion, afterRollback, createDatabase, type Database, sql } from '../../src/index.ts';
import {
  noDatabase,
  type NoDatabaseOptions,
  rolledBack,
  StatementWithoutDatabaseError,
} from '../../src/testing/index.ts';
import { rejection } from '../support/settled.ts';

const opened: Database<'default'>[] = [];
function open(options?: NoDatabaseOptions): Database<'default'> {
  const database = createDatabase({ clients: { default: noDatabase(options) } });
  opened.push(database);
  return database;
}
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});

const declined = new Error('declined');

describe('noDatabase', () => {
  it('refuses a statement by name, without its values', async () => {
    const database = open();
    const error = await rejection(database.query('insert into product (id) values ($1)', ['hunter2']));
    expect(error).toBeInstanceOf(StatementWithoutDatabaseError);
    expect(error).toMatchObject({ code: 'STATEMENT_WITHOUT_DATABASE' });
    expect(error.message).toContain('INSERT');
    expect(error.message).not.toContain('hunter2');
  });

  it('answers with the rows that a function gives, also later', async () => {
    const asked: unknown[] = [];
    const database = open({
      answer: async ({ text, values }) => {
        asked.push(text, values);
        return [{ id: 1, stock: 3 }];
      },
    });
    const { rows, rowCount } = await database.query(sql<{ id: number }>`select id from product where id = ${7}`);
    expect([rows, rowCount]).toEqual([[{ id: 1, stock: 3 }], 1]);
    expect(asked).toEqual(['select id from product where id = $1', [7]]);
  });

  it('has transactions, hooks and outcomes', async () => {
    const database = open({ answer: () => [] });
    const seen: unknown[] = [];
    const register = (): void => {
      afterCommit(() => seen.push('commit'));
      afterRollback((error) => seen.push(error));
      afterCompletion((outcome) => seen.push(outcome));
    };
    await database.transaction(async () => {
      await database.query('insert into product (id) values (1)');
      expect(database.current.inTransaction).toBe(true);
      register();
    });
    expect(seen.splice(0)).toEqual(['commit', 'committed']);
    const failed = database.transaction(async () => {
      await database.query('select 1');
      register();
      throw declined;
    });
    expect(await rejection(failed)).toBe(declined);
    expect(seen).toEqual([declined, 'rolledBack']);
  });

  it('has every propagation', async () => {
    const database = open({ answer: () => [] });
    const run = (propagation: 'NESTED' | 'REQUIRES_NEW' | 'NOT_SUPPORTED' | 'NEVER' | 'MANDATORY'): Promise<unknown> =>
      database.transaction(
        async () => {
          await database.query('select 1');
          return database.current.inTransaction;
        },
        { propagation },
      );
    expect(await rejection(run('MANDATORY'))).toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    await database.transaction(async () => {
      await database.query('select 1');
      expect(await Promise.all([run('NESTED'), run('REQUIRES_NEW'), run('NOT_SUPPORTED'), run('MANDATORY')])).toEqual([
        true,
        true,
        false,
        true,
      ]);
      expect(await rejection(run('NEVER'))).toMatchObject({ code: 'TRANSACTION_NOT_ALLOWED' });
    });
    const joined = database.transaction(async () => {
      await rejection(database.transaction(() => Promise.reject(declined)));
    });
    expect(await rejection(joined)).toMatchObject({ code: 'UNEXPECTED_ROLLBACK', cause: declined });
    const weak = database.transaction(() => database.transaction(() => 7, { isolationLevel: 'SERIALIZABLE' }));
    expect(await rejection(weak)).toMatchObject({ code: 'INCOMPATIBLE_TRANSACTION' });
  });

  it('rolls back after a statement whose failure was caught, but for one in a savepoint', async () => {
    const database = open({
      answer: ({ text }) => {
        if (text === 'fail') throw declined;
        return [];
      },
    });
    const caught = database.transaction(() => database.query('fail').catch(() => undefined));
    expect(await rejection(caught)).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
    const nested = (): Promise<unknown> =>
      database.transaction(() => database.query('fail'), { propagation: 'NESTED' });
    await database.transaction(async () => {
      await database.query('select 1');
      expect(await rejection(nested())).toBe(declined);
      await database.query('select 1');
    });
  });

  it('refuses control of the transaction as text, and works with tests that roll back', async () => {
    const database = open({ answer: () => [] });
    expect(await rejection(database.query('begin'))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
    await rolledBack(database, async () => {
      expect(database.current.inTransaction).toBe(false);
      await database.transaction(() => database.query('insert into product (id) values (1)'));
    });
  });
});
