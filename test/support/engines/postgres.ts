import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { postgres, type PostgresOptions } from '../../../src/drivers/postgres/index.ts';
import type { Engine, TestServer } from './engine.ts';

export const postgresEngine: Engine = {
  name: 'postgres',
  lacks: {},
  errors: {
    duplicate: { code: '23505' },
    foreignKey: { code: '23503' },
    serialization: { code: '40001' },
    readOnly: { code: '25006' },
    refused: { code: 'ECONNREFUSED' },
    unknownDatabase: { code: '3D000' },
    killed: { code: '57P01' },
  },
  sql: {
    sleep: (seconds) => `select pg_sleep(${seconds})`,
    showTransaction:
      "select current_setting('transaction_isolation') as isolation, current_setting('transaction_read_only') as read_only",
    lockProducts: 'select * from product for update',
    generatedId: 'bigserial primary key',
    twoDaysAgo: "now() - interval '2 days'",
    failing: 'select 1 / 0',
  },
  levels: {
    DEFAULT: 'read committed',
    READ_UNCOMMITTED: 'read uncommitted',
    READ_COMMITTED: 'read committed',
    REPEATABLE_READ: 'repeatable read',
    SNAPSHOT: 'repeatable read',
    SERIALIZABLE: 'serializable',
  },
  defaultReadOnly: 'off',
  outOfDate: 0,
  server,
};

function server(at = process.env['DATABASE_URL'] ?? ''): TestServer {
  const name = `sluice_${randomBytes(6).toString('hex')}`;
  const url = withDatabase(at, name);
  const side = new pg.Pool({ connectionString: url, max: 2, application_name: 'beside' });
  // The database is dropped while the server may still be closing these connections, and cuts them.
  side.on('error', () => {});
  const sql = async (text: string, values?: unknown[]): Promise<Record<string, unknown>[]> =>
    (await side.query<Record<string, unknown>>(text, values)).rows;
  const count = async (where: string, values: unknown[]): Promise<number> => {
    const rows = await sql(`select 1 from pg_stat_activity where datname = current_database() and ${where}`, values);
    return rows.length;
  };
  return {
    async start() {
      await administer(at, `create database ${name}`);
      await sql('create table product (id int primary key, stock int not null default 0, name text)');
    },
    url,
    sql,
    client: (options = {}) => postgres({ connectionString: url, ...(options as PostgresOptions) }),
    running: (text) => count("application_name <> 'beside' and state = 'active' and query = $1", [text]),
    connections: (applicationName = 'sluice') => count('application_name = $1', [applicationName]),
    async kill() {
      await sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sluice' and datname = current_database()",
      );
    },
    async limitedUser(connections) {
      const role = `sluice_limited_${randomBytes(6).toString('hex')}`;
      await sql(`create role ${role} login connection limit ${connections} password 'narrow'`);
      await sql(`grant all on all tables in schema public to ${role}`);
      const limited = new URL(url);
      limited.username = role;
      limited.password = 'narrow';
      return {
        url: limited.href,
        refusal: { code: '53300' },
        lock: async () => void (await sql(`alter role ${role} nologin`)),
        drop: async () => void (await sql(`drop owned by ${role}; drop role ${role}`)),
      };
    },
    async empty() {
      await sql('truncate product cascade');
    },
    async drop() {
      await side.end();
      await administer(at, `drop database ${name} with (force)`);
    },
  };
}

function withDatabase(at: string, name: string): string {
  const url = new URL(at);
  url.pathname = `/${name}`;
  return url.href;
}

async function administer(at: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: at });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
