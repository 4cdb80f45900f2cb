import type { ClientDefinition } from '../../../index.ts';
import type { Address } from './address.ts';
import { SilenceError, within } from './failure.ts';

type Connection = Awaited<ReturnType<ClientDefinition['driver']['connect']>>;

/** What is known of a pooler in front of a PostgreSQL. */
export interface Pooler {
  /** When a client keeps its backend: as long as its session, its transaction or its statement; unknown if that could not be seen. */
  readonly mode: 'session' | 'transaction' | 'statement' | 'unknown';
  /** What its console says, where it is PgBouncer and lets this user in. */
  readonly console?: PoolerConsole;
}

export interface PoolerConsole {
  /** Such as `1.21.0`. */
  readonly version: string;
  readonly poolSize: number;
  /** 0: it keeps track of none; undefined: it cannot. */
  readonly maxPreparedStatements: number | undefined;
}

/** How often two clients are held against each other: others may take the backend that is looked for. */
const rounds = 5;
const pidOf = 'select pg_backend_pid() as pid';

/** Looks whether there is a pooler, and how it shares its backends. Undefined: the server itself answers. */
export async function findPooler(
  definition: ClientDefinition,
  address: Address,
  { timeout, signal }: { readonly timeout: number; readonly signal?: AbortSignal },
): Promise<Pooler | undefined> {
  const open = (): Promise<Connection> => definition.driver.connect(AbortSignal.timeout(timeout));
  const one = await within(timeout, open(), signal);
  try {
    // A pooler makes up the ids of backends that it gives.
    if (one.backend.startedAt !== undefined) return undefined;
    const [mode, console] = [await modeBehind(one, open, timeout), await askConsole(address, timeout)];
    return { mode, ...(console === undefined ? {} : { console }) };
  } finally {
    await one.destroy();
  }
}

/** A backend that two clients share, or that a client has for one transaction alone, says that it is not the session's. */
async function modeBehind(one: Connection, open: () => Promise<Connection>, timeout: number): Promise<Pooler['mode']> {
  const two = await within(timeout, open()).catch(() => undefined);
  if (two === undefined) return 'unknown';
  try {
    for (let round = 0; round < rounds; round += 1) {
      await within(timeout, pid(two));
      const before = await within(timeout, pid(one));
      const inTransaction = await within(timeout, beginAndPid(two));
      if (inTransaction === 'refused') return 'statement';
      const again = await within(timeout, pid(two));
      const after = await within(timeout, pid(one));
      await within(timeout, two.run([{ type: 'rollback' }]));
      if (inTransaction === before || after !== before || inTransaction !== again) return 'transaction';
    }
    return 'session';
  } catch (error) {
    if (error instanceof SilenceError) return 'unknown';
    throw error;
  } finally {
    await two.destroy();
  }
}

async function pid(connection: Connection): Promise<unknown> {
  const { results, failure } = await connection.run([{ type: 'statement', statement: { text: pidOf } }]);
  if (failure !== undefined) throw failure.error;
  return results[0]?.rows[0]?.['pid'];
}

async function beginAndPid(connection: Connection): Promise<unknown> {
  const { results, failure } = await connection.run([
    { type: 'begin', characteristics: { isolation: undefined, readOnly: false } },
    { type: 'statement', statement: { text: pidOf } },
  ]);
  if (failure === undefined) return results[0]?.rows[0]?.['pid'];
  // In statement mode PgBouncer ends the connection that begins a transaction; it took statements before.
  if (failure.kind === 'connectionLost') return 'refused';
  throw failure.error;
}

/** PgBouncer has a database of its own that tells about it, for those whom it lets in. */
async function askConsole({ url }: Address, timeout: number): Promise<PoolerConsole | undefined> {
  if (!URL.canParse(url)) return undefined;
  const console = new URL(url);
  console.pathname = '/pgbouncer';
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: console.href, connectionTimeoutMillis: timeout });
  client.on('error', () => {});
  try {
    await within(timeout, client.connect());
    const { rows: versions } = await within(timeout, client.query<{ version: string }>('show version'));
    const { rows: settings } = await within(timeout, client.query<{ key: string; value: string }>('show config'));
    const numberOf = (name: string): number | undefined => {
      const found = settings.find(({ key }) => key === name)?.value;
      return found === undefined ? undefined : Number(found);
    };
    const version = /PgBouncer (\S+)/.exec(versions[0]?.version ?? '')?.[1];
    const poolSize = numberOf('default_pool_size');
    if (version === undefined || poolSize === undefined) return undefined;
    return { version, poolSize, maxPreparedStatements: numberOf('max_prepared_statements') };
  } catch {
    // Another pooler, or a user whom it does not let in.
    return undefined;
  } finally {
    within(timeout, client.end()).catch(() => {});
  }
}

/**
 * Whether statements that were prepared are there on whichever backend their client gets next; undefined if no other backend came
 * where one may.
 * @param definition one with `preparedStatements: true`
 */
export async function keepsPrepared(
  definition: ClientDefinition,
  { mode, timeout }: { readonly mode: Pooler['mode']; readonly timeout: number },
): Promise<boolean | undefined> {
  const open = (): Promise<Connection> => within(timeout, definition.driver.connect(AbortSignal.timeout(timeout)));
  const [one, two] = [await open(), await open()];
  // A text of its own: another run may have left its name behind.
  const text = `${pidOf}, ${Math.floor(Math.random() * 1e9)}::int + $1::int as number`;
  const step = { type: 'statement', statement: { text, values: [1] } } as const;
  const begin = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } } as const;
  try {
    for (let round = 0; round < rounds; round += 1) {
      // The second time it is prepared.
      await within(timeout, one.run([step]));
      const prepared = (await within(timeout, one.run([step]))).results[0]?.rows[0]?.['pid'];
      await within(timeout, beginAndPid(two));
      const there = await within(timeout, one.run([begin, { type: 'statement', statement: { text: pidOf } }]));
      const isElsewhere = there.results[0]?.rows[0]?.['pid'] !== prepared;
      const { failure } = await within(timeout, one.run([step]));
      await within(timeout, Promise.all([one.run([{ type: 'rollback' }]), two.run([{ type: 'rollback' }])]));
      if (failure !== undefined) return false;
      if (isElsewhere || mode === 'session') return true;
    }
    return undefined;
  } finally {
    await forget(one, text, timeout).catch(() => {});
    await Promise.all([one.destroy(), two.destroy()]);
  }
}

/** Leaves no prepared statement behind on a backend that is others' too. Those that PgBouncer keeps track of are its own. */
async function forget(connection: Connection, text: string, timeout: number): Promise<void> {
  const query = async (
    statement: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Record<string, unknown>[]> => {
    const exchange = await within(
      timeout,
      connection.run([{ type: 'statement', statement: { text: statement, values } }]),
    );
    return exchange.results[0]?.rows ?? [];
  };
  for (let round = 0; round < rounds; round += 1) {
    await within(timeout, beginAndPid(connection));
    const [row] = await query(
      `select name from pg_prepared_statements where statement = $1 and name !~ '^PGBOUNCER_'`,
      [text],
    );
    const { name } = row ?? {};
    if (typeof name === 'string') await query(`deallocate "${name.replaceAll('"', '""')}"`);
    await within(timeout, connection.run([{ type: 'commit' }]));
    if (name !== undefined) return;
  }
}
