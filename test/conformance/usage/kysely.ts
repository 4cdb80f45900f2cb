// Kysely as its users have it, on both servers.
import { type Generated, Kysely, type LogEvent, MysqlDialect, PostgresDialect } from 'kysely';
import { createConnection, createPool } from 'mysql2';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { ambientPool as ambientMysqlPool } from '../../../src/drivers/mysql/index.ts';
import { ambientPool as ambientPgPool } from '../../../src/drivers/postgres/index.ts';
import { bindKysely } from '../../../src/integrations/kysely/index.ts';
import { engine } from '../../support/database.ts';
import type { Openings, World } from './suite.ts';

export interface Tables {
  product: { id: number; stock: Generated<number>; name: string | null };
}

export type KyselyWorld = World<Kysely<Tables>>;

const logs = new WeakMap<object, LogEvent[]>();
const onMariadb = engine.name === 'mariadb';

function make(dialect: MysqlDialect | PostgresDialect): Kysely<Tables> {
  const log: LogEvent[] = [];
  const kysely = new Kysely<Tables>({ dialect, log: (event) => void log.push(event) });
  logs.set(kysely, log);
  return kysely;
}

/** What a Kysely has logged since this was asked last. */
export function loggedBy(kysely: Kysely<Tables>): string[] {
  return (logs.get(kysely) ?? []).splice(0).map(({ level, query }) => `${level}: ${query.sql}`);
}

export const openings: Openings<Kysely<Tables>> = {
  alone: (url) =>
    make(
      onMariadb
        ? new MysqlDialect({
            pool: createPool({ uri: url, connectionLimit: 4 }),
            controlConnection: createConnection,
          })
        : new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 4 }), cursor: Cursor }),
    ),
  bound: (database) =>
    bindKysely(
      make(
        onMariadb
          ? new MysqlDialect({ pool: ambientMysqlPool(database), controlConnection: createConnection })
          : new PostgresDialect({ pool: ambientPgPool(database), cursor: Cursor }),
      ),
      database,
    ),
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
