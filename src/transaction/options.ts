import {
  aBoolean,
  aFunction,
  aSignal,
  type Check,
  type Checks,
  checkOptions,
  integer,
  InvalidOptionError,
  longestTimer,
  oneOf,
  type Origin,
  text,
} from '../core/index.ts';
import { IsolationLevel } from '../driver/index.ts';
import { Propagation } from './propagation.ts';

/** An isolation level, in either spelling. */
export type IsolationLevelName = IsolationLevel | 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ';

/** How often and how patiently a transaction is repeated after a serialization failure or a deadlock. */
export interface RetryOptions {
  /** How many times the body may run in all, the first included. */
  readonly attempts: number;
  /** The pause before the second attempt in milliseconds, doubled each time, with jitter. Default 20. */
  readonly delay?: number | undefined;
  /** Also after a wait for a lock that the server has given up (1205 on MySQL and MariaDB, 55P03 on PostgreSQL). Default false. */
  readonly lockTimeouts?: boolean | undefined;
}

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

const retryChecks: Checks = { attempts: integer(1, 1000), delay: integer(0, 3_600_000), lockTimeouts: aBoolean };

const aRetry: Check = (value) => {
  checkOptions('The option "retry"', value, retryChecks);
  return (value as Partial<RetryOptions>).attempts === undefined ? 'an object with "attempts"' : undefined;
};

const isolationNames = Object.keys(IsolationLevel);
const isolationSpellings = [...isolationNames, ...isolationNames.filter((name) => name.includes('_')).map(spaced)];

const checks: Record<keyof TransactionOptions, Check> = {
  propagation: oneOf(Object.keys(Propagation)),
  isolationLevel: oneOf(isolationSpellings),
  readOnly: aBoolean,
  timeout: integer(1, longestTimer),
  signal: aSignal,
  retry: aRetry,
  rollbackOn: aFunction,
  name: text(200),
};

/** What needs a transaction to apply to. */
const needTransaction = ['isolationLevel', 'readOnly', 'timeout', 'signal', 'retry', 'rollbackOn'] as const;

const checked = new WeakSet<TransactionOptions>();

/** Refuses options that are unknown or make no sense together; an object that passed is not looked at again. @throws InvalidOptionError */
export function checkTransactionOptions(options: TransactionOptions): void {
  if (typeof options === 'object' && options !== null && checked.has(options)) return;
  checkOptions('A transaction', options, checks);
  if (options.propagation === 'NOT_SUPPORTED' || options.propagation === 'NEVER') {
    const pointless = needTransaction.find((name) => options[name] !== undefined);
    if (pointless !== undefined) {
      throw new InvalidOptionError({
        what: `The option "${pointless}" was given with ${options.propagation}, which runs without a transaction`,
        remedy: `Leave out "${pointless}" or choose another propagation`,
      });
    }
  }
  if (Object.isFrozen(options)) checked.add(options);
}

const origins = new WeakMap<TransactionOptions, Origin>();

/** Copies and checks options that are given once for many calls, as to a decorator, and notes where that was. */
export function freezeOptions(options: TransactionOptions, origin: Origin): TransactionOptions {
  checkTransactionOptions(options);
  const frozen = Object.freeze({ ...options });
  checkTransactionOptions(frozen);
  origins.set(frozen, origin);
  return frozen;
}

/** Where options were given, if once for many calls. */
export function originOf(options: TransactionOptions): Origin | undefined {
  return origins.get(options);
}

/** `READ COMMITTED` and `READ_COMMITTED` are the same level. */
export function isolationOf(name: IsolationLevelName | undefined): IsolationLevel {
  return (name?.replaceAll(' ', '_') ?? 'DEFAULT') as IsolationLevel;
}

function spaced(name: string): string {
  return name.replaceAll('_', ' ');
}
