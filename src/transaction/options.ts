import {
  aBoolean,
  aFunction,
  aSignal,
  type Check,
  checked,
  type Checks,
  integer,
  InvalidOptionError,
  label,
  oneOf,
  optionsOf,
  type Origin,
  reading,
  refuseUnknown,
  sharedByCopies,
  milliseconds,
} from '../core/index.ts';
import { IsolationLevel } from '../driver/index.ts';
import { Propagation } from './propagation.ts';

type Spaced<Name extends string> = Name extends `${infer First}_${infer Rest}` ? `${First} ${Rest}` : Name;
type Joined<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${Capitalize<Lowercase<First>>}${Capitalize<Lowercase<Rest>>}`
  : Capitalize<Lowercase<Name>>;

/**
 * An isolation level, in any of the spellings that libraries have: `READ_COMMITTED`, `READ COMMITTED` (TypeORM),
 * `read committed` (Knex, Kysely, Drizzle, MikroORM), `ReadCommitted` (Prisma).
 */
export type IsolationLevelName =
  | IsolationLevel
  | Spaced<IsolationLevel>
  | Lowercase<Spaced<IsolationLevel>>
  | Joined<IsolationLevel>;

/** How often and how patiently a transaction is repeated after a serialization failure or a deadlock. */
export interface RetryOptions {
  /** How many times the body may run in all, the first included. */
  readonly attempts: number;
  /** The pause before the second attempt in milliseconds, doubled each time, with jitter. Default 20. */
  readonly delay?: number | undefined;
  /** Also after a wait for a lock that the server has given up (1205 on MySQL and MariaDB, 55P03 on PostgreSQL). Default false. */
  readonly lockTimeouts?: boolean | undefined;
}

/** Options of one transaction. */
export interface TransactionOptions {
  /** Default `REQUIRED`. */
  readonly propagation?: Propagation | undefined;
  /** Default `DEFAULT`: the server's. */
  readonly isolationLevel?: IsolationLevelName | undefined;
  /** `true`: the server refuses writes. A read-only scope may join a transaction that writes. */
  readonly readOnly?: boolean | undefined;
  /** Milliseconds for the whole call, attempts of `retry` included; then the running statement is cancelled and all is rolled back. */
  readonly timeout?: number | undefined;
  /** Aborting it has the same effect, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Repeats a transaction of its own after a serialization failure or deadlock; without effect on a scope that joins. The body must be safe to repeat. */
  readonly retry?: RetryOptions | undefined;
  /** Whether a thrown error rolls back; otherwise the transaction commits and the error is thrown all the same. Default: always. */
  readonly rollbackOn?: ((error: unknown) => boolean) | undefined;
  /** Names the transaction in errors and statistics. At most 200 characters. */
  readonly name?: string | undefined;
}

const retryChecks: Checks = { attempts: integer(1, 1000), delay: milliseconds(0), lockTimeouts: aBoolean };

/** The levels by their names, in every spelling: whatever is not here is none. */
const everyLevel = Object.values(IsolationLevel);
const levels: ReadonlyMap<unknown, IsolationLevel> = new Map(
  everyLevel.flatMap((level) => spellings(level).map((name) => [name, level] as const)),
);
const levelNames = `one of ${everyLevel.join(', ')}, or as in "READ COMMITTED", "read committed", "ReadCommitted"`;

const aLevel: Check = Object.assign((value: unknown) => (levels.has(value) ? undefined : levelNames), {
  read: (value: unknown) => levels.get(value) ?? value,
});

const checks: Record<keyof TransactionOptions, Check> = {
  propagation: oneOf(Object.keys(Propagation)),
  isolationLevel: aLevel,
  readOnly: aBoolean,
  timeout: milliseconds(1),
  signal: aSignal,
  retry: optionsOf('The option "retry"', retryChecks, ['attempts']),
  rollbackOn: aFunction,
  name: label(200),
};

/** What needs a transaction to apply to. */
const needTransaction = ['isolationLevel', 'readOnly', 'timeout', 'signal', 'retry', 'rollbackOn'] as const;

const owner = 'A transaction';
const names = Object.keys(checks) as (keyof TransactionOptions)[];

/** Snapshots that were made once for many calls. */
const readBefore = sharedByCopies('read-options', () => new WeakSet<TransactionOptions>());
/** Where the options of such a snapshot were given. */
export const givenAt: unique symbol = Symbol.for('sluice.options.givenAt');

/** A snapshot of options: checked, and with one spelling of each isolation level. */
export interface ReadOptions extends TransactionOptions {
  readonly isolationLevel?: IsolationLevel | undefined;
  readonly [givenAt]?: Origin;
}

/**
 * Reads options into a snapshot, which alone may be used: see `readOptions`. One that was made once for many calls is given back.
 * @throws InvalidOptionError for what is unknown, or makes no sense together
 */
export function readTransactionOptions(options: TransactionOptions): ReadOptions {
  if (readBefore.has(options)) return options as ReadOptions;
  return reading(owner, () => {
    refuseUnknown(owner, options, checks);
    // Written out: this is done for each transaction, and such an object costs next to nothing.
    const { propagation, isolationLevel, readOnly, timeout, signal, retry, rollbackOn, name } = options;
    const read: Record<keyof TransactionOptions, unknown> = {
      propagation,
      isolationLevel,
      readOnly,
      timeout,
      signal,
      retry,
      rollbackOn,
      name,
    };
    for (const each of names) if (read[each] !== undefined) read[each] = checked(owner, each, read[each], checks[each]);
    refusePointless(read as ReadOptions);
    return read as ReadOptions;
  });
}

function refusePointless(options: TransactionOptions): void {
  if (options.propagation !== 'NOT_SUPPORTED' && options.propagation !== 'NEVER') return;
  const pointless = needTransaction.find((name) => options[name] !== undefined);
  if (pointless === undefined) return;
  throw new InvalidOptionError({
    what: `The option "${pointless}" was given with ${options.propagation}, which runs without a transaction`,
    remedy: `Leave out "${pointless}" or choose another propagation`,
  });
}

/** Reads options that are given once for many calls, as to a decorator, and notes where that was. @throws InvalidOptionError */
export function readOnce(options: TransactionOptions, origin: Origin): ReadOptions {
  // What was read for another call has another origin.
  const read = { ...readTransactionOptions(options) };
  Object.defineProperty(read, givenAt, { value: origin });
  readBefore.add(read);
  return Object.freeze(read);
}

/** The level that a name is one of. @throws InvalidOptionError for what is none */
export function isolationOf(name: IsolationLevelName | undefined): IsolationLevel {
  const level = name === undefined ? 'DEFAULT' : levels.get(name);
  if (level !== undefined) return level;
  throw new InvalidOptionError({
    what: 'A transaction got an unknown isolation level',
    remedy: `Give ${levelNames}`,
  });
}

function spellings(level: IsolationLevel): readonly string[] {
  const spaced = level.replace('_', ' ');
  const joined = spaced.toLowerCase().replaceAll(/\b./g, (first) => first.toUpperCase());
  return [level, spaced, spaced.toLowerCase(), joined.replace(' ', '')];
}
