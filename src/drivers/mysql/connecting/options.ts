import type { ConnectionOptions as TlsOptions } from 'node:tls';
import mysql from 'mysql2';
import { aBoolean, aFunction, anObject, type Check, integer, readOptions, text } from '../../../core/index.ts';
import { type PoolOptions, poolOptionChecks, type SettingsByContext } from '../../../driver/index.ts';

/** Options of `mysql()`: the connection, and the pool's limits. */
export interface MysqlOptions extends PoolOptions {
  /** `mysql://user:password@host:port/database`; other options here win over it. */
  readonly uri?: string | undefined;
  /** Default `localhost`. */
  readonly host?: string | undefined;
  /** Default 3306. */
  readonly port?: number | undefined;
  /** The path of the server's socket, in place of host and port. */
  readonly socketPath?: string | undefined;
  /** The user to log in as. Default: what `uri` says, else none. */
  readonly user?: string | undefined;
  /**
   * The password, or a function that gives the present one for each connection that is opened, those for cancelling and for
   * looking at locks included.
   */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** The database that is selected after the login. Default: what `uri` says, else none. */
  readonly database?: string | undefined;
  /** TLS options; `true` for TLS with the certificates that Node.js trusts. */
  readonly ssl?: boolean | TlsOptions | undefined;
  /**
   * A character set or collation in which quotes and backslashes are what they are in ASCII, whatever the text. Default
   * `utf8mb4`.
   */
  readonly charset?: string | undefined;
  /** How dates are read and written: `local`, `Z` or an offset such as `+01:00`. Default `local`. */
  readonly timezone?: string | undefined;
  /** How many texts with values a connection keeps prepared. Default 256. */
  readonly preparedStatements?: number | undefined;
  /**
   * What the server is to know of the context of each transaction, and of each statement outside of one, in user variables by
   * name, such as `@tenant`. They travel with the first statement. Statements get a `MissingSettingError` where a value is
   * `undefined` or the function throws, and an `InvalidSettingError` for names and values that cannot be.
   */
  readonly settings?: SettingsByContext | undefined;
  /**
   * Looks up what became of a COMMIT whose answer was lost with its connection, by a row that each transaction writes into the
   * table `sluice_commit`, which `createCommitTable(db)` makes. Rows that are older than an hour are deleted. Default `false`.
   */
  readonly resolveCommit?: boolean | undefined;
  /**
   * Whether statements that a transaction issues without awaiting each other, as with `Promise.all`, are sent together and not
   * one after the other's answer. Rows, errors and outcomes are the same. Default `true`.
   */
  readonly pipelining?: boolean | undefined;
  /**
   * The most bytes that the rows of one statement may come to, as the server sends them: from 1,024 on. What gives more fails with
   * a `ResultTooLargeError` (`RESULT_TOO_LARGE`): its connection is cut and its transaction rolled back, and a COMMIT is sent
   * behind the answer of what it commits. Default: no limit.
   */
  readonly maxResultBytes?: number | undefined;
}

/** Bytes of other characters of these sets are quotes or backslashes, so text could end where it should not. */
const unsafeCharset = /^(?:big5|cp932|gbk|gb18030|sjis|swe7|ucs2|utf16|utf16le|utf32)(?:_|$)/i;
/** Node.js writes the low byte of a character that these do not have, which may be a quote, too. */
const cutCharset = /^(?:latin1|ascii|binary)(?:_|$)/i;

const checks: Record<keyof MysqlOptions, Check> = {
  uri: connectionUri,
  host: text(1_000),
  port: integer(1, 65_535),
  socketPath: text(1_000),
  user: text(200),
  password: (value) => (typeof value === 'string' ? undefined : aFunction(value) && 'text or a function'),
  database: text(200),
  ssl: (value) =>
    aBoolean(value) === undefined || anObject(value) === undefined ? undefined : 'true, false or TLS options',
  charset: (value) =>
    typeof value === 'string' &&
    Object.hasOwn(mysql.Charsets, value.toUpperCase()) &&
    !unsafeCharset.test(value) &&
    !cutCharset.test(value)
      ? undefined
      : 'a character set that mysql2 knows, in which quotes keep their meaning, such as utf8mb4',
  timezone: (value) =>
    typeof value === 'string' && /^(?:local|Z|[+-]\d\d:\d\d)$/.test(value)
      ? undefined
      : '"local", "Z" or an offset such as "+01:00"',
  preparedStatements: integer(1, 10_000),
  settings: aFunction,
  resolveCommit: aBoolean,
  pipelining: aBoolean,
  maxResultBytes: integer(1_024, Number.MAX_SAFE_INTEGER),
  ...poolOptionChecks,
};

/** @throws InvalidOptionError, without the value: a connection string holds a password */
export function readMysqlOptions(options: MysqlOptions): MysqlOptions {
  return readOptions('mysql', options, checks);
}

export function isSafeCharset(name: string): boolean {
  return !unsafeCharset.test(name);
}

function connectionUri(value: unknown): string | undefined {
  const expected = 'a connection string such as mysql://user:password@host:3306/database';
  if (typeof value !== 'string' || !/^(?:mysql|mariadb):/.test(value)) return expected;
  if (!URL.canParse(value)) return expected;
  // mysql2 would take any option of its own from there.
  return new URL(value).search === ''
    ? undefined
    : 'a connection string without a query: give other options separately';
}
