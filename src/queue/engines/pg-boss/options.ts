import type { ConnectionOptions } from 'node:tls';
import { readOptions, type Check, integer, text, milliseconds } from '../../../core/index.ts';

/** Options of `pgBoss()`. */
export interface PgBossOptions {
  /** The database that the jobs are in: the same as that of the client, so that jobs leave with its commits. */
  readonly connectionString: string;
  /**
   * Instead of the password of the connection string: one, or a function that gives the present one for each
   * connection, such as a token of IAM.
   */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** TLS, and its options. Default: what the connection string says. */
  readonly ssl?: boolean | ConnectionOptions | undefined;
  /** The client of the database whose transactions hold the jobs. Default: the default one. */
  readonly clientName?: string | undefined;
  /** The schema of pg-boss. Default `pgboss`. */
  readonly schema?: string | undefined;
  /**
   * The most connections of pg-boss itself, in addition to the client's budget: one that listens, once jobs are worked
   * on or waited for, and the others for statements; none of those is held while anything waits. Default 4.
   */
  readonly max?: number | undefined;
  /**
   * How soon a job counts as lost when its worker is gone, in milliseconds, at least 10,000. pg-boss counts whole seconds,
   * so it is rounded up to one. Default 10,000.
   */
  readonly lostAfter?: number | undefined;
  /** How often queues are looked at when no notification came, in milliseconds. Default 1,000. */
  readonly pollInterval?: number | undefined;
}

const aPassword: Check = (value) =>
  typeof value === 'string' || typeof value === 'function' ? undefined : 'a string or a function';
const tlsOptions: Check = (value) =>
  typeof value === 'boolean' || (typeof value === 'object' && value !== null)
    ? undefined
    : 'true, false or TLS options';

const checks: Record<keyof PgBossOptions, Check> = {
  password: aPassword,
  ssl: tlsOptions,
  connectionString: (value) =>
    typeof value === 'string' && /^(?:postgres|postgresql|socket):/.test(value)
      ? undefined
      : 'a connection string such as postgres://user:password@host:5432/database',
  clientName: text(200),
  schema: (value) =>
    typeof value === 'string' && /^[a-z_][a-z0-9_]{0,49}$/.test(value)
      ? undefined
      : 'up to 50 small letters, digits and "_"',
  max: integer(2, 1_000),
  lostAfter: milliseconds(10_000, 86_400_000),
  pollInterval: milliseconds(10),
};

/** @throws without the value: a connection string holds a password */
export function readPgBossOptions(options: PgBossOptions): PgBossOptions {
  return readOptions('pgBoss', options, checks, ['connectionString']);
}
