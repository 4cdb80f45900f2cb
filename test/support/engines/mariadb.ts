import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import mysql from 'mysql2/promise';
import { mysql as mysqlClient, type MysqlOptions } from '../../../src/drivers/mysql/index.ts';
import { mariadbUrl } from '../servers.ts';
import type { Engine, TestServer } from './engine.ts';

const unknownThread = 1094;

export const mariadbEngine: Engine = {
  name: 'mariadb',
  lacks: {
    'failures doom': 'a failed statement is undone alone, and its transaction goes on',
    'deferred constraints': 'InnoDB checks constraints at once',
    'slow commits': 'InnoDB has nothing that runs at COMMIT',
    'raised errors': 'an error that is raised does not end a transaction as the real one does',
    'tables in transactions': 'a statement that makes a table commits',
    'type parsers': 'mysql2 has a typeCast of its own for libraries',
    'wire proxy': 'what goes over the wire is tested in mysql.test.ts',
    'application names': 'the server does not show them',
  },
  errors: {
    duplicate: { code: 'ER_DUP_ENTRY' },
    foreignKey: { errno: 1452 },
    serialization: { errno: 1020 },
    readOnly: { errno: 1792 },
    refused: { code: 'ECONNREFUSED' },
    unknownDatabase: { code: 'ER_BAD_DB_ERROR' },
    // Whichever arrives first.
    killed: { message: expect.stringMatching(/killed|lost/) as string },
  },
  sql: {
    sleep: (seconds) => `select sleep(${seconds})`,
    // A statement on a table comes first: the server tells of a transaction what InnoDB has of it.
    showTransaction:
      'select trx_isolation_level as isolation, trx_is_read_only as read_only from information_schema.innodb_trx where trx_mysql_thread_id = connection_id()',
    lockProducts: 'select * from product for update',
    generatedId: 'bigint auto_increment primary key',
    twoDaysAgo: 'now(3) - interval 2 day',
    failing: "signal sqlstate '45000'",
  },
  levels: {
    DEFAULT: 'REPEATABLE READ',
    READ_UNCOMMITTED: 'READ UNCOMMITTED',
    READ_COMMITTED: 'READ COMMITTED',
    REPEATABLE_READ: 'REPEATABLE READ',
    SNAPSHOT: 'REPEATABLE READ',
    SERIALIZABLE: 'SERIALIZABLE',
  },
  defaultReadOnly: 0,
  outOfDate: 250,
  server,
};

function server(at = mariadbUrl): TestServer {
  const name = `sluice_${randomBytes(6).toString('hex')}`;
  const url = withDatabase(at, name);
  const side = mysql.createPool({ uri: url, connectionLimit: 2 });
  const own = new Set<number | null>();
  side.pool.on('connection', (connection) => void own.add(connection.threadId));
  const sql = async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => {
    const [rows] = await side.query(text.replaceAll(/\$\d/g, '?'), values);
    return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
  };
  const sessions = async (): Promise<{ id: number; info: string | null }[]> => {
    const rows = await sql('select id, info from information_schema.processlist where db = database()');
    return (rows as { id: number; info: string | null }[]).filter(({ id }) => !own.has(id));
  };
  return {
    async start() {
      await administer(at, `create database ${name}`);
      await sql('create table product (id int primary key, stock int not null default 0, name text) engine = innodb');
    },
    url,
    sql,
    client({ connectionString, applicationName: _name, options: _options, types: _types, ...options } = {}) {
      return mysqlClient({ uri: connectionString ?? url, ...options } satisfies MysqlOptions);
    },
    running: async (text) => (await sessions()).filter(({ info }) => info === text).length,
    connections: async () => (await sessions()).length,
    async kill() {
      for (const { id } of await sessions()) {
        await sql(`kill ${id}`).catch((error: unknown) => {
          // It has ended by itself.
          if ((error as { errno?: number }).errno !== unknownThread) throw error;
        });
      }
    },
    async limitedUser(connections) {
      const user = `sluice_${randomBytes(6).toString('hex')}`;
      await sql(`create user ${user} identified by 'narrow' with max_user_connections ${connections}`);
      await sql(`grant all on ${name}.* to ${user}`);
      const limited = new URL(url);
      limited.username = user;
      limited.password = 'narrow';
      return {
        url: limited.href,
        refusal: { errno: 1226 },
        lock: async () => void (await sql(`alter user ${user} account lock`)),
        drop: async () => void (await sql(`drop user ${user}`)),
      };
    },
    async empty() {
      await sql('delete from product');
    },
    async drop() {
      await side.end();
      await administer(at, `drop database ${name}`);
    },
  };
}

function withDatabase(at: string, name: string): string {
  const url = new URL(at);
  url.pathname = `/${name}`;
  return url.href;
}

async function administer(at: string, statement: string): Promise<void> {
  const client = await mysql.createConnection(at);
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
