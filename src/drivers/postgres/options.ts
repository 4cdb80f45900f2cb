import type { ConnectionOptions } from 'node:tls';
import {
  aBoolean,
  aFunction,
  anObject,
  type Check,
  readOptions,
  integer,
  InvalidOptionError,
  text,
} from '../../core/index.ts';
import { type PoolOptions, poolOptionChecks } from '../../driver/index.ts';
import type { TypeParsers } from './pg-types.ts';

export interface PostgresOptions extends PoolOptions {
  /** `postgres://user:password@host:port/database?options`. What is not given comes from PGHOST and its like. */
  readonly connectionString?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
  /** The password, or a function that gives the present one for each connection. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
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
  /** Type parsers instead of pg's global ones. */
  readonly types?: TypeParsers | undefined;
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
  password: orElse(aFunction, (value) => (typeof value === 'string' ? undefined : ''), 'a string or a function'),
  ssl: orElse(aBoolean, anObject, 'true, false or TLS options'),
  applicationName: text(63),
  options: text(10_000),
  preparedStatements: orElse(aBoolean, integer(0, 100_000), 'true, false or a whole number from 0 to 100000'),
  types: anObject,
  ...poolOptionChecks,
};

/** @throws InvalidOptionError, without the value: a connection string holds a password */
export function readPostgresOptions(options: PostgresOptions): PostgresOptions {
  return readOptions('postgres', options, checks);
}

function connectionUrl(value: unknown): string | undefined {
  const expected = 'a connection string such as postgres://user:password@host:5432/database';
  if (typeof value !== 'string' || !/^(?:postgres|postgresql|socket):/.test(value)) return expected;
  return URL.canParse(value) ? undefined : expected;
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
