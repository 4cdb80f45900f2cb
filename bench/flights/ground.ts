// A table on the server, near or a delay away, and what is opened on it.
import pg from 'pg';
import { createDatabase, type Database } from '../../src/index.ts';
import { postgres, type PostgresOptions } from '../../src/drivers/postgres/index.ts';
import { startDelayProxy } from '../delay-proxy.ts';

export const table = 'sluice_bench_flights';
export const width = 10;
export const update = `update ${table} set value = value + 1 where id = $1`;

/** One operation; with an id where what it gives can be told from others. */
export interface FlightContender {
  readonly name: string;
  readonly run: (id?: number) => Promise<unknown>;
}

/** What Sluice was to reach. */
export interface Goal {
  /** The contender that was to. */
  readonly of: string;
  readonly throughput: number;
  readonly cpu?: number;
}

export interface FlightWorkload {
  readonly name: string;
  readonly callers: number;
  /** The first one is 1. */
  readonly contenders: readonly FlightContender[];
  readonly goal?: Goal;
  /** Throws where one operation did not do what it should. */
  readonly check: (contender: FlightContender) => Promise<void>;
}

export class Ground {
  readonly url: string;
  readonly #admin: pg.Client;
  readonly #closes: (() => Promise<unknown>)[] = [];

  private constructor(admin: pg.Client, url: string) {
    this.#admin = admin;
    this.url = url;
  }

  /** @param delay milliseconds between it and the server, each way */
  static async open(url: string, delay: number): Promise<Ground> {
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    await admin.query(`drop table if exists ${table}`);
    // As many rows fit into each page as are changed in it.
    await admin.query(`create table ${table} (id serial primary key, value int not null) with (fillfactor = 50)`);
    await admin.query(`insert into ${table} (value) select 0 from generate_series(1, 1000)`);
    await admin.query(`vacuum analyze ${table}`);
    const proxy = delay === 0 ? undefined : await startDelayProxy(url, delay);
    const ground = new Ground(admin, proxy?.url ?? url);
    if (proxy !== undefined) ground.onClose(() => proxy.close());
    return ground;
  }

  /** The last comes first. */
  onClose(close: () => Promise<unknown>): void {
    this.#closes.unshift(close);
  }

  /** @param options of each of its clients */
  pool(options: pg.ClientConfig = {}): pg.Pool {
    const pool = new pg.Pool({ ...options, connectionString: this.url, max: width });
    this.onClose(() => pool.end());
    return pool;
  }

  /** As many connections as the others have: no level but 0 needs one here. */
  sluice(options: PostgresOptions = {}): Database<'default'> {
    const client = postgres({ ...options, connectionString: this.url, max: width, maxLevel: 1, budget: width });
    const database = createDatabase({ clients: { default: client } });
    this.onClose(() => database.close());
    return database;
  }

  /** That one operation changes what is counted by so much. */
  adds(counted: string, by: number): FlightWorkload['check'] {
    return async ({ name, run }) => {
      const before = await this.#count(counted);
      await run();
      const added = (await this.#count(counted)) - before;
      if (added !== by) throw new Error(`${name} changed ${counted} by ${added}, not by ${by}`);
    };
  }

  async close(): Promise<void> {
    for (const close of this.#closes) await close();
    await this.#admin.query(`drop table ${table}`);
    await this.#admin.end();
  }

  async #count(what: string): Promise<number> {
    const { rows } = await this.#admin.query<{ n: number }>(`select ${what}::int as n from ${table}`);
    return rows[0]?.n ?? Number.NaN;
  }
}

/** Ids in ascending fifths of the table, so that concurrent transactions never deadlock on rows. */
export function idFor(statement: number): number {
  return 1 + statement * 200 + Math.floor(Math.random() * 200);
}

/** A transaction as it is usually written, without waiting for its statements one by one where the body does not. */
export async function byHand<Result>(pool: pg.Pool, body: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await body(client);
    await client.query('COMMIT');
    return result;
  } finally {
    client.release();
  }
}

/** A transaction whose BEGIN and statements are issued at once, on clients that send them so. */
export async function atOnceByHand(pool: pg.Pool, statements: readonly pg.QueryConfig[]): Promise<pg.QueryResult[]> {
  const client = await pool.connect();
  try {
    const [, ...results] = await Promise.all([client.query('BEGIN'), ...statements.map((each) => client.query(each))]);
    await client.query('COMMIT');
    return results;
  } finally {
    client.release();
  }
}
