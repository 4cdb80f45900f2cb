import type { ConnectionOptions } from 'node:tls';
import {
  aBoolean,
  aFunction,
  anObject,
  type Check,
  readOptions,
  integer,
  oneOf,
  InvalidOptionError,
  text,
  withMethods,
} from '../../../core/index.ts';
import { type PoolOptions, poolOptionChecks, type SettingsByContext } from '../../../driver/index.ts';
import { encodedOr, parseConnectionString } from './connection-string.ts';
import type { TypeParsers } from '../wire/pg-types.ts';
import { isTargetSessionAttrs, type TargetSessionAttrs, targetSessionAttrs } from './target-session.ts';

/** Options of `postgres()`: the connection, and the pool's limits. */
export interface PostgresOptions extends PoolOptions {
  /**
   * `postgres://user:password@host:port/database?options`, with several hosts `host1:port1,host2:port2` too, a Unix socket
   * as `postgres://user@/database?host=/folder`, or `socket:/folder?db=database`. What it does not say comes from the other
   * options, and then from PGHOST and its like.
   */
  readonly connectionString?: string | undefined;
  /** A name, an address, or the folder of a Unix socket; several with commas between them are tried in order. */
  readonly host?: string | undefined;
  /** Default: PGPORT, or 5432. */
  readonly port?: number | undefined;
  /** Default: PGDATABASE, or the name of the user. */
  readonly database?: string | undefined;
  /** Default: PGUSER, or the name of the operating system's user. */
  readonly user?: string | undefined;
  /**
   * Which of several hosts are acceptable, in libpq's terms: one that is `read-write` or `read-only` by default, the `primary`, a
   * `standby`, or a `standby` if there is one (`prefer-standby`). In the connection string: `target_session_attrs`, which
   * wins. None of them: it is tried again until `acquireTimeout`, since another one may take over. Default `any`.
   */
  readonly targetSessionAttrs?: TargetSessionAttrs | undefined;
  /**
   * The password, or a function that gives the present one for each connection that is opened, those for looking at locks
   * included. A function wins over what the connection string says.
   */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** `true`, or options of `node:tls`. Default: what the connection string or PGSSLMODE says. */
  readonly ssl?: boolean | ConnectionOptions | undefined;
  /** Shown in `pg_stat_activity`. Default `sluice`. */
  readonly applicationName?: string | undefined;
  /** Command-line options for the backend, such as `-c statement_timeout=5s`. */
  readonly options?: string | undefined;
  /**
   * How many texts a connection remembers and prepares when they are repeated; `true`: 256, `false`: none. Default 256, but none
   * behind a pooler, where a number or `true` is for one that keeps track of prepared statements.
   */
  readonly preparedStatements?: number | boolean | undefined;
  /**
   * Whether statements that a transaction issues without awaiting each other, as with `Promise.all`, are sent together and not
   * one after the other's answer. Rows, errors and outcomes are the same. Default `true`.
   */
  readonly pipelining?: boolean | undefined;
  /**
   * Whether a transaction that waits for a connection gets one whose COMMIT is under way, and sends its BEGIN and its first
   * statements in the write of that COMMIT. Default `false`.
   */
  readonly followCommits?: boolean | undefined;
  /**
   * Whether quick reads outside of transactions travel together, on few connections, instead of each taking one. Default
   * `false`.
   */
  readonly shareReads?: boolean | undefined;
  /**
   * The most bytes that the rows of one statement may come to, as the server sends them: from 1,024 on. What gives more fails with
   * a `ResultTooLargeError` (`RESULT_TOO_LARGE`): its connection is cut and its transaction rolled back, and a COMMIT is sent
   * behind the answer of what it commits. Default: no limit.
   */
  readonly maxResultBytes?: number | undefined;
  /** Type parsers instead of pg's global ones. */
  readonly types?: TypeParsers | undefined;
  /**
   * Whether a COMMIT whose answer is lost with its connection is looked up on the server, over a connection outside of the
   * budget, so that its outcome is known (PostgreSQL 15 or newer, and not behind a pooler). Each transaction that writes asks for its
   * id along with its first write, which costs no round trip, and some work of the server. `'rows'`: so are those with which their
   * COMMIT travels: `batch`, the `last` statement, and writes outside of a transaction. They write a row into a table that
   * `createCommitTable(db)` makes. Default false.
   */
  readonly resolveCommit?: boolean | 'rows' | undefined;
  /**
   * What the server is told in every transaction and with every statement outside of one, of the context that it comes from:
   * settings of your own (`app.tenant`), `role`, `search_path`. They travel with BEGIN and hold until the end of the
   * transaction, also behind a pooler; caches keep apart what was read with other values. See "Row-level security".
   */
  readonly settings?: SettingsByContext | undefined;
}

const orElse = (first: Check, second: Check, expected: string): Check => {
  return (value) => (first(value) === undefined || second(value) === undefined ? undefined : expected);
};

const checks: Record<keyof PostgresOptions, Check> = {
  connectionString: connectionUrl,
  host: text(1_000),
  port: integer(1, 65_535),
  database: text(200),
  user: text(200),
  targetSessionAttrs: oneOf(targetSessionAttrs),
  password: orElse(aFunction, (value) => (typeof value === 'string' ? undefined : ''), 'a string or a function'),
  ssl: orElse(aBoolean, anObject, 'true, false or TLS options'),
  applicationName: text(63),
  options: text(10_000),
  preparedStatements: orElse(aBoolean, integer(0, 100_000), 'true, false or a whole number from 0 to 100000'),
  pipelining: aBoolean,
  followCommits: aBoolean,
  shareReads: aBoolean,
  maxResultBytes: integer(1_024, Number.MAX_SAFE_INTEGER),
  types: withMethods('getTypeParser'),
  resolveCommit: orElse(aBoolean, oneOf(['rows']), "true, false or 'rows'"),
  settings: aFunction,
  ...poolOptionChecks,
};

/** @throws InvalidOptionError, without the value: a connection string holds a password */
export function readPostgresOptions(options: PostgresOptions): PostgresOptions {
  const read = readOptions('postgres', options, checks);
  assertSaidOnce(read);
  return read;
}

/** The connection string would win, and the option have no effect. @throws InvalidOptionError, without the values */
function assertSaidOnce({ connectionString, ...options }: PostgresOptions): void {
  const said = connectionString === undefined ? undefined : parseConnectionString(connectionString);
  if (said === undefined) return;
  const hosts = said.addresses.map(({ host }) => host);
  const ports = said.addresses.map(({ port }) => port);
  const inString = {
    host: hosts.every((host) => host === undefined) ? undefined : hosts.join(','),
    port: ports.every((port) => port === undefined) ? undefined : [...new Set(ports)].join(','),
    database: said.database,
    user: said.user,
    // A function wins.
    password: typeof options.password === 'function' ? undefined : said.password,
  } as const;
  for (const name of ['host', 'port', 'database', 'user', 'password'] as const) {
    const [option, other] = [options[name], inString[name]];
    if (option === undefined || other === undefined) continue;
    if (other === (name === 'database' ? encodedOr(String(option)) : String(option))) continue;
    throw new InvalidOptionError({
      what: `postgres got two values for "${name}": one in the connection string, which wins, and another as an option`,
      remedy: 'Leave one of them out, or change it in the connection string',
    });
  }
}

function connectionUrl(value: unknown): string | undefined {
  const expected = 'a connection string such as postgres://user:password@host:5432/database';
  const parsed = typeof value === 'string' ? parseConnectionString(value) : undefined;
  if (parsed === undefined) return expected;
  const attrs = parsed.parameters.get('target_session_attrs');
  return attrs === null || isTargetSessionAttrs(attrs)
    ? undefined
    : `a connection string with target_session_attrs as one of ${targetSessionAttrs.join(', ')}`;
}

export function unusable(cause: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `postgres cannot use its connection settings (${cause instanceof Error ? cause.name : typeof cause})`,
    remedy: 'Check the connection string, the TLS files it names, and the PG* environment variables',
  });
}

/** @param isHidden a pooler stands in between */
export function preparedLimit(option: number | boolean | undefined, isHidden: boolean): number {
  if (typeof option === 'number') return option;
  return (option ?? !isHidden) ? 256 : 0;
}
