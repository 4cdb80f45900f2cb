// Kysely as its users have it, on each engine.
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import {
  type Dialect,
  type Generated,
  Kysely,
  type LogEvent,
  MysqlDialect,
  PostgresDialect,
  type SqliteDatabase,
  SqliteDialect,
} from 'kysely';
import { createConnection, createPool } from 'mysql2';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { ambientPool as ambientMysqlPool } from '../../../src/drivers/mysql/index.ts';
import { ambientPool as ambientPgPool } from '../../../src/drivers/postgres/index.ts';
import { ambientDialect, bindKysely } from '../../../src/integrations/kysely/index.ts';
import type { Database } from '../../../src/index.ts';
import { engine } from '../../support/database.ts';
import type { Openings, World } from './suite.ts';

export interface Tables {
  product: { id: number; stock: Generated<number>; name: string | null };
}

export type KyselyWorld = World<Kysely<Tables>>;

const logs = new WeakMap<object, LogEvent[]>();
function make(dialect: Dialect): Kysely<Tables> {
  const log: LogEvent[] = [];
  const kysely = new Kysely<Tables>({ dialect, log: (event) => void log.push(event) });
  logs.set(kysely, log);
  return kysely;
}

/** What a Kysely has logged since this was asked last. */
export function loggedBy(kysely: Kysely<Tables>): string[] {
  return (logs.get(kysely) ?? []).splice(0).map(({ level, query }) => `${level}: ${query.sql}`);
}

/** What Kysely takes of better-sqlite3, over node:sqlite. */
export function sqliteDatabase(file: string): SqliteDatabase {
  const database = new DatabaseSync(file, { timeout: 50 });
  return {
    close: () => database.close(),
    prepare(text) {
      const statement = database.prepare(text);
      const given = (values: readonly unknown[]): SQLInputValue[] => values as SQLInputValue[];
      return {
        reader: statement.columns().length > 0,
        all: (values) => statement.all(...given(values)),
        run: (values) => statement.run(...given(values)),
        iterate: (values) => statement.iterate(...given(values)),
      };
    },
  };
}

/** On a pool of its own. */
const dialectAlone: Readonly<Record<typeof engine.name, (url: string) => Dialect>> = {
  postgres: (url) => new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 4 }), cursor: Cursor }),
  mariadb: (url) =>
    new MysqlDialect({ pool: createPool({ uri: url, connectionLimit: 4 }), controlConnection: createConnection }),
  sqlite: (file) => new SqliteDialect({ database: sqliteDatabase(file) }),
};

/** As the docs say. */
const dialectOn: Readonly<Record<typeof engine.name, (database: Database<'default'>) => Dialect>> = {
  postgres: (database) => new PostgresDialect({ pool: ambientPgPool(database), cursor: Cursor }),
  mariadb: (database) => new MysqlDialect({ pool: ambientMysqlPool(database), controlConnection: createConnection }),
  sqlite: (database) => ambientDialect(database),
};

export const openings: Openings<Kysely<Tables>> = {
  alone: (url) => make(dialectAlone[engine.name](url)),
  bound: (database) => bindKysely(make(dialectOn[engine.name](database)), database),
  close: (kysely) => kysely.destroy(),
};

export const insert = async (handle: Kysely<Tables>, id: number, stock = 0): Promise<void> => {
  await handle.insertInto('product').values({ id, stock }).execute();
};

export const ids = async (handle: Kysely<Tables>): Promise<number[]> =>
  (await handle.selectFrom('product').select('id').orderBy('id').execute()).map(({ id }) => id);

/** Runs something with a Kysely on a pool of its own, which stands for another process. */
export async function beside<Result>(
  { server }: KyselyWorld,
  body: (other: Kysely<Tables>) => Promise<Result>,
): Promise<Result> {
  const other = await openings.alone(server.url);
  try {
    return await body(other);
  } finally {
    await other.destroy();
  }
}
