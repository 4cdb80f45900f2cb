// Statements that are issued together, settings by context, transactions that wait, and reads outside of transactions.
import { fileURLToPath, pathToFileURL } from 'node:url';
import type pg from 'pg';
import { type Database, statement, withContext } from '../../src/index.ts';
import { installPeers } from '../peers.ts';
import { atOnceByHand, byHand, type FlightWorkload, type Goal, type Ground, idFor, table, update } from './ground.ts';

/** postgres.js at its best. */
interface PostgresJs {
  readonly updates: (ids: readonly number[]) => Promise<unknown>;
  readonly settings: (tenant: string, id: number) => Promise<unknown>;
  readonly read: (id: number) => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

type Work = Omit<FlightWorkload, 'name' | 'callers'>;

const five = [0, 1, 2, 3, 4];

export async function nearWorkloads(ground: Ground): Promise<FlightWorkload[]> {
  const postgresJs = await openPostgresJs(ground);
  const read = reads(ground, postgresJs);
  return [
    near('Promise.all of 5 updates', 16, updates(ground, postgresJs, { of: 'sluice', throughput: 2.6, cpu: 0.6 })),
    near('a tenant and one update', 16, settings(ground, postgresJs)),
    near('one update', 16, oneUpdate(ground)),
    near('one update', 64, oneUpdate(ground)),
    near('a read by its key', 16, { ...read, goal: { of: 'sluice, shared reads', throughput: 2.2, cpu: 0.45 } }),
    near('a read by its key', 64, { ...read, goal: { of: 'sluice, shared reads', throughput: 3, cpu: 0.45 } }),
  ];
}

export async function farWorkloads(ground: Ground): Promise<FlightWorkload[]> {
  const postgresJs = await openPostgresJs(ground);
  return [
    far('Promise.all of 5 updates', updates(ground, postgresJs, { of: 'sluice', throughput: 3 })),
    far('a tenant and one update', settings(ground, postgresJs)),
    far('one update', oneUpdate(ground), 64),
  ];
}

function near(what: string, callers: number, work: Work): FlightWorkload {
  return { name: `${what}, ${callers} callers`, callers, ...work };
}

export function far(what: string, work: Work, callers = 1): FlightWorkload {
  return { name: `1 ms each way, ${what}, ${callers === 1 ? '1 caller' : `${callers} callers`}`, callers, ...work };
}

async function openPostgresJs(ground: Ground): Promise<PostgresJs> {
  installPeers();
  // Not known to the compiler: it is installed for the benchmark alone.
  const file = fileURLToPath(new URL('../peers/flights.mjs', import.meta.url));
  const { openPostgresJs: open } = (await import(pathToFileURL(file).href)) as {
    readonly openPostgresJs: (url: string, table: string) => PostgresJs;
  };
  const opened = open(ground.url, table);
  ground.onClose(() => opened.close());
  return opened;
}

async function oneByOne(client: pg.PoolClient): Promise<void> {
  for (const each of five) await client.query(update, [idFor(each)]);
}

function named(each: number): pg.QueryConfig {
  return { name: 'update', text: update, values: [idFor(each)] };
}

function allOf(database: Database): () => Promise<unknown> {
  return () => database.transaction(() => Promise.all(five.map((each) => database.query(update, [idFor(each)]))));
}

function updates(ground: Ground, postgresJs: PostgresJs, goal: Goal): Work {
  const pool = ground.pool();
  const pipelined = ground.pool({ pipeline: true });
  const database = ground.sluice();
  return {
    contenders: [
      { name: 'pg', run: () => byHand(pool, oneByOne) },
      { name: 'pg, pipelined by hand', run: () => atOnceByHand(pipelined, five.map(named)) },
      { name: 'postgres.js', run: () => postgresJs.updates(five.map(idFor)) },
      { name: 'sluice, no pipelining', run: allOf(ground.sluice({ pipelining: false })) },
      { name: 'sluice', run: allOf(database) },
      { name: 'sluice, batch', run: () => database.batch(five.map((each) => statement(update, [idFor(each)]))) },
    ],
    goal,
    check: ground.adds('sum(value)', 5),
  };
}

function oneOf(database: Database): () => Promise<unknown> {
  return () => database.transaction(() => database.query(update, [idFor(0)]));
}

/** More callers than connections: the next transaction begins with the COMMIT before it, or behind its answer. */
function oneUpdate(ground: Ground): Work {
  const pool = ground.pool();
  return {
    contenders: [
      { name: 'pg', run: () => byHand(pool, (client) => client.query(update, [idFor(0)])) },
      { name: 'sluice, no pipelining', run: oneOf(ground.sluice({ pipelining: false })) },
      { name: 'sluice', run: oneOf(ground.sluice()) },
    ],
    check: ground.adds('sum(value)', 1),
  };
}

const tenant = 'acme';
const setTenant: pg.QueryConfig = { text: "select set_config('app.tenant', $1, true)", values: [tenant] };
const updateOfTenant = `${update} returning current_setting('app.tenant') as tenant`;

async function fourTrips(client: pg.PoolClient): Promise<unknown> {
  await client.query(setTenant);
  return (await client.query(updateOfTenant, [idFor(0)])).rows[0].tenant;
}

/** What they give is the tenant that the server knew. */
function settings(ground: Ground, postgresJs: PostgresJs): Work {
  const pool = ground.pool();
  const pipelined = ground.pool({ pipeline: true });
  const database = ground.sluice({ settings: ({ tenant: known }) => ({ 'app.tenant': known }) });
  const inTransaction = (last: boolean) => (): Promise<unknown> =>
    withContext({ tenant }, () =>
      database.transaction(
        async () => (await database.query(updateOfTenant, [idFor(0)], { last })).rows[0]?.['tenant'],
      ),
    );
  const adds = ground.adds('sum(value)', 1);
  return {
    contenders: [
      { name: 'pg', run: () => byHand(pool, fourTrips) },
      {
        name: 'pg, pipelined by hand',
        run: async () => {
          const change = { name: 'update', text: updateOfTenant, values: [idFor(0)] };
          return (await atOnceByHand(pipelined, [{ name: 'tenant', ...setTenant }, change]))[1]?.rows[0].tenant;
        },
      },
      { name: 'postgres.js', run: () => postgresJs.settings(tenant, idFor(0)) },
      { name: 'sluice, settings', run: inTransaction(false) },
      { name: 'sluice, settings, last', run: inTransaction(true) },
    ],
    goal: { of: 'sluice, settings', throughput: 2.5 },
    async check(contender) {
      await adds(contender);
      const known = await contender.run();
      if (known !== tenant) throw new Error(`${contender.name} worked as the tenant ${String(known)}`);
    },
  };
}

function reads(ground: Ground, postgresJs: PostgresJs): Work {
  const pool = ground.pool();
  const text = `select id from ${table} where id = $1`;
  const reading =
    (database: Database) =>
    async (id = idFor(0)) =>
      (await database.query(text, [id])).rows[0]?.['id'];
  return {
    contenders: [
      { name: 'pg', run: async (id = idFor(0)) => (await pool.query<{ id: number }>(text, [id])).rows[0]?.id },
      { name: 'postgres.js', run: (id = idFor(0)) => postgresJs.read(id) },
      { name: 'sluice', run: reading(ground.sluice()) },
      { name: 'sluice, shared reads', run: reading(ground.sluice({ shareReads: true })) },
    ],
    async check({ name, run }) {
      const found = await run(7);
      if (found !== 7) throw new Error(`${name} read ${String(found)}, not 7`);
    },
  };
}
