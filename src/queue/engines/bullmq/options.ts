import type { RedisOptions } from 'ioredis';
import { readOptions, type Check, text, milliseconds } from '../../../core/index.ts';

/** Options of `bullmq()`. */
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

const checks: Record<keyof BullmqOptions, Check> = {
  connection: (value) =>
    (typeof value === 'string' && /^rediss?:\/\//.test(value)) || (typeof value === 'object' && value !== null)
      ? undefined
      : 'a connection string such as redis://user:password@host:6379, or the options of ioredis',
  prefix: text(100),
  clientName: text(200),
  lostAfter: milliseconds(500, 86_400_000),
};

/** @throws without the value: a connection string holds a password */
export function readBullmqOptions(options: BullmqOptions): BullmqOptions {
  return readOptions('bullmq', options, checks, ['connection']);
}
