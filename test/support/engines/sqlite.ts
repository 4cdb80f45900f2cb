import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partPoolOptions } from '../../../src/driver/index.ts';
import { sqlite } from '../../../src/drivers/sqlite/index.ts';
import type { Engine, TestServer } from './engine.ts';

const oneWriter = 'there is one writer: a transaction that writes inside of another one is refused at once';

export const sqliteEngine: Engine = {
  name: 'sqlite',
  lacks: {
    'several writers': oneWriter,
    'row locks': 'the database is locked, and not its rows',
    'failures doom': 'a failed statement is undone alone, and its transaction goes on',
    'slow statements': 'a statement runs on the thread of the program, and cannot be cut short',
    sessions: 'there is no server',
    'slow commits': 'nothing can run at COMMIT',
    'raised errors': 'there is no statement that raises one',
    deadlocks: 'transactions write one after the other',
    'weaker isolation': 'every transaction is serializable',
    'type parsers': 'values are what SQLite stores',
    'wire proxy': 'there is no server',
    'application names': 'there is no server',
  },
  errors: {
    duplicate: { errcode: 1555 },
    foreignKey: { errcode: 787 },
    serialization: { errcode: 5 },
    readOnly: { errcode: 8 },
    refused: { errcode: 14 },
    unknownDatabase: { errcode: 14 },
    killed: {},
  },
  sql: {
    sleep: () => 'select 1',
    showTransaction: "select 'serializable' as isolation, (select query_only from pragma_query_only) as read_only",
    lockProducts: 'select * from product',
    generatedId: 'integer primary key',
    twoDaysAgo: '(unixepoch() - 172800) * 1000',
    failing: 'select abs(-9223372036854775808)',
  },
  levels: {
    DEFAULT: 'serializable',
    READ_UNCOMMITTED: 'serializable',
    READ_COMMITTED: 'serializable',
    REPEATABLE_READ: 'serializable',
    SNAPSHOT: 'serializable',
    SERIALIZABLE: 'serializable',
  },
  defaultReadOnly: 0,
  outOfDate: 0,
  server,
};

function server(): TestServer {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  const file = join(folder, 'test.db');
  const side = new DatabaseSync(file, { timeout: 5_000 });
  side.exec('pragma journal_mode = wal');
  const sql = (text: string, values: unknown[] = []): Record<string, unknown>[] => {
    const statement = side.prepare(text);
    const numbered = /\$\d/.test(text)
      ? [Object.fromEntries(values.map((value, index) => [`$${index + 1}`, value as SQLInputValue]))]
      : [];
    return statement.all(...(numbered as [])).map((row) => ({ ...row }));
  };
  return {
    async start() {
      sql('create table product (id int primary key, stock int not null default 0, name text)');
    },
    url: file,
    sql: async (text, values) => sql(text, values),
    client({ connectionString, ...options } = {}) {
      const { pool } = partPoolOptions(options);
      return sqlite({ ...pool, max: undefined, file: connectionString ?? file });
    },
    running: () => Promise.resolve(0),
    connections: () => Promise.resolve(0),
    kill: () => Promise.resolve(),
    limitedUser: () => Promise.reject(new Error('there is no server')),
    async empty() {
      sql('delete from product');
    },
    async drop() {
      side.close();
      rmSync(folder, { recursive: true });
    },
  };
}
