import {
  type Check,
  readOptions,
  type Checks,
  type Filled,
  integer,
  InvalidOptionError,
  isRecord,
  oneOf,
  optionsOf,
  milliseconds,
  calledAs,
} from '../core/index.ts';
import type { Backoff } from './engine/index.ts';

/** Options of one queue. */
export interface QueueOptions {
  /** How long an answer is waited for, in milliseconds, unless the call or its chain says otherwise. Default 30,000. */
  readonly timeout?: number | undefined;
  /** How often a job may fail before it has failed for good, the first run included. Default 1. */
  readonly attempts?: number | undefined;
  /** The pause before the next attempt: milliseconds, or more precisely. Default 1,000, exponential. */
  readonly backoff?: number | Backoff | undefined;
  /** How many jobs a worker runs at once, in each lane. Default 1. */
  readonly concurrency?: number | undefined;
  /** The longest that a job may run, in milliseconds; then it is rolled back and has failed. Default 900,000. */
  readonly maxRuntime?: number | undefined;
  /** The largest data and result, in bytes of their JSON. Default 1,048,576. */
  readonly maxPayload?: number | undefined;
}

declare const types: unique symbol;

/** A queue by name, with the types of its data and its results. */
export interface QueueDefinition<Data = unknown, Result = unknown> {
  /** The queue's name, the same in every process. */
  readonly name: string;
  /** The options, with the defaults filled in. */
  readonly options: Filled<Omit<QueueOptions, 'backoff'>> & { readonly backoff: Backoff };
  /** Only for the compiler. */
  readonly [types]?: (data: Data) => Result;
}

/** The data of a queue. */
export type DataOf<Definition> = Definition extends QueueDefinition<infer Data, infer _> ? Data : never;
/** The result of a queue. */
export type ResultOf<Definition> = Definition extends QueueDefinition<infer _, infer Result> ? Result : never;

const backoffChecks: Checks = { type: oneOf(['fixed', 'exponential']), delay: milliseconds(0) };
const backoffOptions = optionsOf('The option "backoff"', backoffChecks, ['type', 'delay']);
/** Milliseconds, or an object with `type` and `delay`. */
export const aBackoff: Check = Object.assign(
  (value: unknown) => {
    const expected = isRecord(value) ? undefined : milliseconds(0)(value);
    return expected === undefined ? undefined : `${expected}, or { type, delay }`;
  },
  { read: (value: unknown) => (isRecord(value) ? backoffOptions.read?.(value) : value) },
);

const checks: Record<keyof QueueOptions, Check> = {
  timeout: milliseconds(1),
  attempts: integer(1, 1_000),
  backoff: aBackoff,
  concurrency: integer(1, 10_000),
  maxRuntime: milliseconds(1),
  maxPayload: integer(1, 256 * 1024 * 1024, 'bytes'),
};

/**
 * Defines a queue, for the processes that push and for those with workers.
 *
 * ```ts
 * const invoice = defineQueue<{ orderId: number }, string>('invoice', { attempts: 5 });
 * ```
 * @param name letters, digits, `-` and `_`, at most 100; the same in every process
 * @throws InvalidOptionError
 */
export function defineQueue<Data = unknown, Result = unknown>(
  name: string,
  options: QueueOptions = {},
): QueueDefinition<Data, Result> {
  if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,100}$/.test(name)) {
    throw new InvalidOptionError({
      what: 'A queue was defined with a name that cannot be used',
      remedy: 'Give 1 to 100 letters, digits, "-" and "_"',
    });
  }
  const read = readOptions(`The queue "${name}"`, options, checks);
  const { timeout = 30_000, attempts = 1, concurrency = 1, maxRuntime = 900_000, maxPayload = 1_048_576 } = read;
  return Object.freeze({
    name,
    options: Object.freeze({
      timeout,
      attempts,
      backoff: backoffOf(read.backoff ?? 1_000),
      concurrency,
      maxRuntime,
      maxPayload,
    }),
  });
}
calledAs(defineQueue, "defineQueue('invoice')");

/** Milliseconds alone are exponential. */
export function backoffOf(backoff: number | Backoff): Backoff {
  return typeof backoff === 'number' ? { type: 'exponential', delay: backoff } : { ...backoff };
}
