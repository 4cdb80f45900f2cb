import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { postgres, type PostgresOptions } from '../../src/drivers/postgres/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';

export interface TestDatabase {
  /** The connection string of a database of this file's own. */
  readonly url: string;
  /** Runs SQL beside Sluice, on a connection of its own. */
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  /** A database of Sluice on it, closed after the test. */
  open(options?: PostgresOptions): Database<'default'>;
  /** The ids in `product`, in order. */
  products(): Promise<number[]>;
}

/** Gives a test file a database of its own with the table `product`, emptied before each test. */
export function useTestDatabase(...schema: string[]): TestDatabase {
  const name = `sluice_${randomBytes(6).toString('hex')}`;
  const url = withDatabase(name);
  const side = new pg.Pool({ connectionString: url, max: 2, application_name: 'beside' });
  // The database is dropped while the server may still be closing these connections, and cuts them.
  side.on('error', () => {});
  const opened: Database<'default'>[] = [];
  const sql = async <Row>(text: string, values?: unknown[]): Promise<Row[]> =>
    (await side.query(text, values)).rows as Row[];

  beforeAll(async () => {
    await administer(`create database ${name}`);
    await sql('create table product (id int primary key, stock int not null default 0, name text)');
    for (const statement of schema) await sql(statement);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
    await sql('truncate product cascade');
  });
  afterAll(async () => {
    await side.end();
    await administer(`drop database ${name} with (force)`);
  });

  return {
    url,
    sql,
    open(options = {}) {
      const database = createDatabase({ clients: { default: postgres({ connectionString: url, ...options }) } });
      opened.push(database);
      return database;
    },
    async products() {
      return (await sql<{ id: number }>('select id from product order by id')).map(({ id }) => id);
    },
  };
}

/** Adds a product in whatever is ambient. */
export async function insert(database: Database<'default'>, id: number): Promise<void> {
  await database.current.query('insert into product (id) values ($1)', [id]);
}

function withDatabase(name: string): string {
  const url = new URL(process.env['DATABASE_URL'] ?? '');
  url.pathname = `/${name}`;
  return url.href;
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
