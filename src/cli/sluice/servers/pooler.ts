import type { ClientDefinition } from '../../../index.ts';
import type { Address } from './address.ts';
import { connectWithin, type Connection } from './connect-within.ts';
import { SilenceError, within } from './failure.ts';

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
  const open = (): Promise<Connection> => connectWithin(definition, timeout, signal);
  const one = await open();
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
  const two = await open().catch(() => undefined);
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

async function beginAndPid(connection: Connection, text: string = pidOf): Promise<unknown> {
  const { results, failure } = await connection.run([
    { type: 'begin', characteristics: { isolation: undefined, readOnly: false } },
    { type: 'statement', statement: { text } },
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

/** What it takes to look whether a pooler keeps prepared statements. */
export interface PreparingOptions {
  /** One with `preparedStatements: true`. */
  readonly preparing: ClientDefinition;
  /** One that prepares nothing. */
  readonly plain: ClientDefinition;
  readonly mode: Pooler['mode'];
  /** Of each step, in milliseconds. */
  readonly timeout: number;
}

/**
 * Whether statements that were prepared are there on whichever backend their client gets next; undefined if no other backend came
 * where one may.
 */
export async function keepsPrepared({
  preparing,
  plain,
  mode,
  timeout,
}: PreparingOptions): Promise<boolean | undefined> {
  // In texts of its own: another run may have left its names behind.
  const mark = String(Math.floor(Math.random() * 1e9));
  const used = new Set<unknown>();
  const one = await connectWithin(preparing, timeout);
  try {
    const two = await connectWithin(preparing, timeout);
    try {
      return await areThere([one, two], { mark, mode, timeout, used });
    } finally {
      await two.destroy();
    }
  } finally {
    await one.destroy();
    await forget(plain, { mark, used, timeout }).catch(() => {});
  }
}

interface Preparing {
  readonly mark: string;
  readonly mode: Pooler['mode'];
  readonly timeout: number;
  /** Gets the ids of the backends that something may have been prepared on. */
  readonly used: Set<unknown>;
}

async function areThere(
  [one, two]: readonly [Connection, Connection],
  { mark, mode, timeout, used }: Preparing,
): Promise<boolean | undefined> {
  const text = `${pidOf}, ${mark}::int + $1::int as number`;
  const step = { type: 'statement', statement: { text, values: [1] } } as const;
  const pidHere = `${pidOf}, ${mark}::int as number`;
  const noted = (pid: unknown): unknown => {
    used.add(pid);
    return pid;
  };
  const prepared = async (): Promise<unknown> =>
    noted((await within(timeout, one.run([step]))).results[0]?.rows[0]?.['pid']);
  const begin = async (connection: Connection): Promise<unknown> =>
    noted(await within(timeout, beginAndPid(connection, pidHere)));
  for (let round = 0; round < rounds; round += 1) {
    // The second time it is prepared.
    await prepared();
    const before = await prepared();
    await begin(two);
    const isElsewhere = (await begin(one)) !== before;
    const { failure } = await within(timeout, one.run([step]));
    await within(timeout, Promise.all([one.run([{ type: 'rollback' }]), two.run([{ type: 'rollback' }])]));
    if (failure !== undefined) return false;
    if (isElsewhere || mode === 'session') return true;
  }
  return undefined;
}

/** How many backends are gone through at most to clean them. */
const mostBackends = 20;

/**
 * Leaves no prepared statement behind on backends that are others' too. Those that PgBouncer keeps track of are its own. Each
 * backend that was seen stays taken, so that the next one is another.
 */
async function forget(
  plain: ClientDefinition,
  { mark, used, timeout }: Pick<Preparing, 'mark' | 'used' | 'timeout'>,
): Promise<void> {
  const left = new Set(used);
  const taken: Connection[] = [];
  try {
    while (left.size > 0 && taken.length < mostBackends) {
      const connection = await connectWithin(plain, timeout);
      taken.push(connection);
      left.delete(await within(timeout, beginAndPid(connection)));
      const names = await query(connection, timeout, {
        text: `select name from pg_prepared_statements where position($1 in statement) > 0 and name !~ '^PGBOUNCER_'`,
        values: [mark],
      });
      for (const { name } of names)
        await query(connection, timeout, { text: `deallocate "${String(name).replaceAll('"', '""')}"` });
    }
  } finally {
    const release = async (connection: Connection): Promise<void> => {
      // In the middle of a transaction PgBouncer would close the backend.
      await within(timeout, connection.run([{ type: 'rollback' }])).catch(() => {});
      await connection.destroy();
    };
    await Promise.all(taken.map(release));
  }
}

async function query(
  connection: Connection,
  timeout: number,
  statement: { readonly text: string; readonly values?: readonly unknown[] },
): Promise<readonly Record<string, unknown>[]> {
  const { results, failure } = await within(timeout, connection.run([{ type: 'statement', statement }]));
  if (failure !== undefined) throw failure.error;
  return results[0]?.rows ?? [];
}
