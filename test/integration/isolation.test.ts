import { describe, expect, it } from 'vitest';
import { IsolationLevel, type IsolationLevelName } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
const show =
  "select current_setting('transaction_isolation') as isolation, current_setting('transaction_read_only') as read_only";

describe('isolation', () => {
  it.each<[IsolationLevelName, string]>([
    ['DEFAULT', 'read committed'],
    ['READ_UNCOMMITTED', 'read uncommitted'],
    ['READ UNCOMMITTED', 'read uncommitted'],
    ['READ_COMMITTED', 'read committed'],
    ['READ COMMITTED', 'read committed'],
    ['REPEATABLE_READ', 'repeatable read'],
    ['REPEATABLE READ', 'repeatable read'],
    ['SNAPSHOT', 'repeatable read'],
    ['SERIALIZABLE', 'serializable'],
  ])('%s reaches the server as %s', async (isolationLevel, expected) => {
    const database = server.open();
    const { rows } = await database.transaction(() => database.current.query<{ isolation: string }>(show), {
      isolationLevel,
    });
    expect(rows[0]?.isolation).toBe(expected);
  });

  it('has six levels', () => {
    expect(Object.keys(IsolationLevel)).toHaveLength(6);
  });

  it('nothing stays on the session for the next user of the connection', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    await database.transaction(() => database.current.query(show), { isolationLevel: 'SERIALIZABLE', readOnly: true });
    const plain = await database.current.query(show);
    const next = await database.transaction(() => database.current.query(show));
    expect([plain.rows, next.rows]).toEqual([
      [{ isolation: 'read committed', read_only: 'off' }],
      [{ isolation: 'read committed', read_only: 'off' }],
    ]);
  });

  it('a repeatable read sees its snapshot', async () => {
    const database = server.open();
    await database.transaction(
      async () => {
        await database.current.query('select from product');
        await database.switchDbIsolate(() => insert(database, 1));
        expect((await database.current.query('select from product')).rowCount).toBe(0);
      },
      { isolationLevel: 'SNAPSHOT' },
    );
  });

  it('tells its isolation, whether it has written, and its outcome', async () => {
    const database = server.open();
    const info = await database.transaction(
      async () => {
        const active = database.current.transaction.active;
        expect(active).toMatchObject({
          name: 'report',
          isolationLevel: 'REPEATABLE_READ',
          readOnly: false,
          hasWritten: false,
        });
        await database.current.query('select * from product for update');
        expect(active?.hasWritten).toBe(false);
        await insert(database, 1);
        expect(active).toMatchObject({ hasWritten: true, outcome: undefined });
        return active;
      },
      { isolationLevel: 'SNAPSHOT', name: 'report' },
    );
    expect(info?.outcome).toBe('committed');
    expect(database.current.transaction.active).toBeUndefined();
  });
});

describe('readOnly', () => {
  it('reaches the server, which refuses to write', async () => {
    const database = server.open();
    const error = await rejection(database.transaction(() => insert(database, 1), { readOnly: true }));
    expect(error).toMatchObject({ code: '25006' });
  });
});
