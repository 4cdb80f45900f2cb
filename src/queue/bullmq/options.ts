import type { RedisOptions } from 'ioredis';
import { checkOptions, type Checks, integer, InvalidOptionError, text } from '../../core/index.ts';

export interface BullmqOptions {
  /** `redis://user:password@host:port/db`, or the options of ioredis. Redis must run with `noeviction`. */
  readonly connection: string | RedisOptions;
  /** In front of every key. Default `bull`. */
  readonly prefix?: string | undefined;
  /** The client of the database whose transactions hold the jobs, by its outbox. Default: the default one. */
  readonly clientName?: string | undefined;
  /** How soon a job counts as lost when its worker is gone or blocked, in milliseconds. Default 10,000. */
  readonly lostAfter?: number | undefined;
}

const checks: Checks = {
  connection: (value) =>
    (typeof value === 'string' && /^rediss?:\/\//.test(value)) || (typeof value === 'object' && value !== null)
      ? undefined
      : 'a connection string such as redis://user:password@host:6379, or the options of ioredis',
  prefix: text(100),
  clientName: text(200),
  lostAfter: integer(500, 86_400_000),
};

/** @throws InvalidOptionError, without the value: a connection string holds a password */
export function checkBullmqOptions(options: BullmqOptions): void {
  checkOptions('bullmq', options, checks);
  if (options.connection !== undefined) return;
  throw new InvalidOptionError({
    what: 'bullmq got no connection',
    remedy: 'Give a connection string such as redis://127.0.0.1:6379, or the options of ioredis',
  });
}
