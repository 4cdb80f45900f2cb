import { fieldOf } from '../../core/index.ts';
import type { Driver, DriverConnection } from '../../driver/index.ts';
import { TestDatabaseError } from './errors.ts';

/** What the server of an engine is asked for, on one connection that holds the locks until it is closed. */
export interface DatabaseServer {
  /** The database of the connection, and whether the server takes no writes. */
  about(): Promise<{ readonly database: string; readonly isReadOnly: boolean }>;
  /** Databases whose names begin so. */
  list(prefix: string): Promise<readonly string[]>;
  /** Makes an empty one. */
  create(name: string): Promise<void>;
  /** Drops it if it is there, also where others are connected to it. */
  drop(name: string): Promise<void>;
  /** Takes a lock if it is free. */
  tryLock(name: string): Promise<boolean>;
  /** Gives back a lock that `tryLock` or `templates.lock` has taken. */
  unlock(name: string): Promise<void>;
  /** How databases are copied; without it the template function runs in each. */
  readonly templates?: Templates | undefined;
  /** Notes that what was made from something is complete, where there are no templates. */
  markComplete?(name: string, madeFrom: string): Promise<void>;
  /** Whether a database was noted to be complete. */
  isComplete(name: string, madeFrom: string): Promise<boolean>;
}

/** Of an engine that copies whole databases. */
export interface Templates {
  /** Waits for a lock. @returns whether it came within so many milliseconds */
  lock(name: string, timeout: number): Promise<boolean>;
  /** Takes a lock that those who copy have in common. @returns whether it came within so many milliseconds */
  lockToCopy(name: string, timeout: number): Promise<boolean>;
  /** Gives it back. */
  unlockCopied(name: string): Promise<void>;
  /** Makes a copy. */
  copy(template: string, name: string): Promise<void>;
  /** Gives a database that is complete its name, and closes it for connections. */
  seal(made: string, name: string): Promise<void>;
}

type Rows = readonly Record<string, unknown>[];

/** Runs one statement by itself. @throws TestDatabaseError */
export type Run = (text: string, ...values: readonly unknown[]) => Promise<Rows>;

/** Runs statements on a connection. @param rights what to do where the server refuses for want of rights */
export function runOn({ target }: Driver, connection: DriverConnection, rights: string): Run {
  return async (text, ...values) => {
    const { results, failure } = await connection.run([{ type: 'statement', statement: { text, values } }]);
    if (failure === undefined) return results[0]?.rows ?? [];
    const code = fieldOf(failure.error, 'code');
    const refused = typeof code === 'string' && refusals.has(code);
    throw new TestDatabaseError({
      what: `The server (${target}) has refused ${text.split(' ', 2).join(' ').toLowerCase()} (${String(code)})`,
      remedy: refused ? rights : 'See the cause, which is what the server has said',
      cause: failure.error,
    });
  };
}

/** For want of rights: on PostgreSQL, then on MySQL and MariaDB. */
const refusals: ReadonlySet<string> = new Set(['42501', 'ER_DBACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_ERROR']);
