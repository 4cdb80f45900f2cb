import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { startPostgres } from '../../scripts/embedded-postgres.mjs';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { mariadbEngine } from './engines/mariadb.ts';

const table = 'create table payment (id varchar(40) primary key, amount int not null)';

/** A database that can prepare transactions, and what is prepared there. */
export interface PreparingServer {
  readonly url: string;
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** The names of what is prepared by Sluice. */
  prepared(): Promise<string[]>;
  /** The ids in `payment`, in order. */
  payments(): Promise<string[]>;
}

/** Two databases on a PostgreSQL of the tests' own that can prepare, and two on MariaDB, each with a table `payment`. */
export interface PreparingServers {
  readonly postgres: readonly [PreparingServer, PreparingServer];
  readonly mariadb: readonly [PreparingServer, PreparingServer];
  stop(): Promise<void>;
}

/** Starts them for the tests of a file, if it has any, and stops them behind it. @returns those that are running */
export function usePreparingServers(areUsed: boolean): () => PreparingServers {
  let servers: PreparingServers | undefined;
  beforeAll(async () => {
    if (areUsed) servers = await startPreparingServers();
  }, 60_000);
  afterAll(async () => await servers?.stop(), 60_000);
  return () => {
    if (servers === undefined) throw new Error('the servers are not started');
    return servers;
  };
}

async function startPreparingServers(): Promise<PreparingServers> {
  const server = await startPostgres({ settings: { max_prepared_transactions: 40 } });
  const all = new pg.Client({ connectionString: server.url });
  await all.connect();
  await all.query('create database first');
  await all.query('create database second');
  const ofPostgres = [
    await postgresDatabase(server.url, 'first'),
    await postgresDatabase(server.url, 'second'),
  ] as const;
  const ofMariadb = [mariadbEngine.server(), mariadbEngine.server()] as const;
  // XA RECOVER lists what is prepared on the whole server, which others may use.
  const isOwn = async (name: string): Promise<boolean> => {
    const homes = await Promise.all([
      ...ofPostgres.map(({ server: own }) => homesIn((text) => own.sql(text), 'current_schema()')),
      ...ofMariadb.map((own) => homesIn((text) => own.sql(text), 'database()')),
    ]);
    return homes.flat().some((home) => name.startsWith(`sluice2pc_${home}_`));
  };
  for (const each of ofMariadb) {
    await each.start();
    await each.sql(table);
  }
  return {
    postgres: [ofPostgres[0].server, ofPostgres[1].server],
    mariadb: [onMariadb(ofMariadb[0], isOwn), onMariadb(ofMariadb[1], isOwn)],
    async stop() {
      // What a failed test has left prepared keeps its database from being dropped.
      const [side] = ofMariadb;
      for (const name of await onMariadb(side, isOwn).prepared()) await side.sql(`xa rollback '${name}'`);
      await Promise.all([...ofPostgres.map(({ end }) => end()), ...ofMariadb.map((each) => each.drop()), all.end()]);
      await server.stop();
    },
  };
}

async function postgresDatabase(
  serverUrl: string,
  name: string,
): Promise<{ server: PreparingServer; end: () => Promise<void> }> {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 2 });
  const sql = async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
    (await pool.query<Record<string, unknown>>(text, values)).rows;
  await sql(table);
  const prepared = async (): Promise<string[]> =>
    (await sql('select gid from pg_prepared_xacts where database = current_database()')).map(({ gid }) => String(gid));
  return { server: { url: url.href, sql, prepared, payments: () => paymentsOf(sql) }, end: () => pool.end() };
}

function onMariadb(
  server: ReturnType<typeof mariadbEngine.server>,
  isOwn: (name: string) => Promise<boolean>,
): PreparingServer {
  const { url } = server;
  const sql: PreparingServer['sql'] = (text, values) => server.sql(text, values);
  const prepared = async (): Promise<string[]> => {
    const names = (await sql('xa recover')).map(({ data }) => String(data));
    const own = await Promise.all(names.map((name) => isOwn(name)));
    return names.filter((_, index) => own[index] === true);
  };
  return { url, sql, prepared, payments: () => paymentsOf(sql) };
}

/** What names a database in what is prepared for it; nothing before it has the tables. */
async function homesIn(sql: PreparingServer['sql'], schema: string): Promise<string[]> {
  const tables = await sql(
    `select 1 as one from information_schema.tables where table_name = 'sluice_two_phase_home' and table_schema = ${schema}`,
  );
  if (tables.length === 0) return [];
  return (await sql('select id from sluice_two_phase_home')).map(({ id }) => String(id));
}

async function paymentsOf(sql: PreparingServer['sql']): Promise<string[]> {
  return (await sql('select id from payment order by id')).map(({ id }) => String(id));
}

/** Leaves a payment prepared under a name, as a process does that is killed before the decision. */
export async function leavePrepared(server: PreparingServer, name: string, payment: string): Promise<void> {
  const insert = `insert into payment (id, amount) values ('${payment}', 1)`;
  if (server.url.startsWith('postgres')) {
    await server.sql(`begin; ${insert}; prepare transaction '${name}'`);
    return;
  }
  const connection = await createConnection({ uri: server.url });
  for (const text of [`xa start '${name}'`, insert, `xa end '${name}'`, `xa prepare '${name}'`]) {
    await connection.query(text);
  }
  await connection.end();
}

/** A client on one of them. */
export function clientOn(
  { url }: Pick<PreparingServer, 'url'>,
  options: { readonly max?: number } = {},
): ReturnType<typeof postgres> {
  return url.startsWith('postgres') ? postgres({ connectionString: url, ...options }) : mysql({ uri: url, ...options });
}
