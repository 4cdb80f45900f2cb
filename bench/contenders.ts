import pg from 'pg';
import { createDatabase, type Database } from '../src/index.ts';
import { postgres } from '../src/drivers/postgres/index.ts';

export const rows = 1_000;
export const width = 10;
export const table = 'sluice_bench';

/** Raw `pg` and Sluice on the same server, table and width. */
export interface Arena {
  readonly database: Database<'default'>;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

export async function openArena(connectionString: string): Promise<Arena> {
  const pool = new pg.Pool({ connectionString, max: width });
  await pool.query(`drop table if exists ${table}`);
  await pool.query(`create table ${table} (id int primary key, value int not null) with (fillfactor = 50)`);
  await pool.query(`insert into ${table} select id, 0 from generate_series(1, $1) id`, [rows]);
  // The same number of connections for both: no level but 0 needs one here, but for REQUIRES_NEW.
  const client = postgres({ connectionString, max: width, maxLevel: 1, budget: width });
  const database = createDatabase({ clients: { default: client } });
  return {
    database,
    pool,
    async close() {
      await database.close();
      await pool.query(`drop table ${table}`);
      await pool.end();
    },
  };
}

export const update = `update ${table} set value = value + 1 where id = $1`;
const read = `select value from ${table} where id = $1`;

/** Ids in ascending fifths of the table, so that concurrent transactions never deadlock on rows. */
export function idFor(statement: number): number {
  return 1 + statement * 200 + Math.floor(Math.random() * 200);
}

export function rawTransaction({ pool }: Arena, statements: number, id = idFor): () => Promise<void> {
  return async () => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      for (let index = 0; index < statements; index += 1) await client.query(update, [id(index)]);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  };
}

export function sluiceTransaction({ database }: Pick<Arena, 'database'>, statements: number): () => Promise<void> {
  return () =>
    database.transaction(async () => {
      for (let index = 0; index < statements; index += 1) await database.current.query(update, [idFor(index)]);
    });
}

/** An outer transaction and an independent inner one; with 5 callers at a width of 10 raw `pg` does not deadlock. */
export function rawNested(arena: Arena): () => Promise<void> {
  const inner = rawTransaction(arena, 1);
  return async () => {
    const client = await arena.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query(update, [idFor(4)]);
      await inner();
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  };
}

export function sluiceNested({ database }: Pick<Arena, 'database'>): () => Promise<void> {
  return () =>
    database.transaction(async () => {
      await database.current.query(update, [idFor(4)]);
      await database.transaction(() => database.current.query(update, [idFor(0)]), { propagation: 'REQUIRES_NEW' });
    });
}

export function rawRead({ pool }: Arena): () => Promise<unknown> {
  return () => pool.query(read, [idFor(0)]);
}

export function sluiceRead({ database }: Pick<Arena, 'database'>): () => Promise<unknown> {
  return () => database.current.query(read, [idFor(0)]);
}
