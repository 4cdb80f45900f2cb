import { lockProbe, runUntraced } from '../channels/index.ts';
import type { Ancestor } from '../context/index.ts';
import { type CancelTimer, type Clock, type ErrorPlace, runUnwatched } from '../core/index.ts';
import {
  type BlockedBy,
  type Driver,
  type DriverConnection,
  type LockProbe,
  type LockWait,
  type Statement,
  withoutLiterals,
} from '../driver/index.ts';
import { ChainDeadlockError } from './errors.ts';

/** A statement that may wait for a row that its own chain has locked. */
export interface WatchedStatement {
  readonly connection: DriverConnection;
  /** Who holds the connection. */
  readonly holder: { readonly id: string };
  /** At which it waits. */
  readonly level: number;
  readonly statements: readonly Statement[];
  /** Who waits for the statement: the transactions above it, in whichever process. */
  readonly ancestors: () => readonly Ancestor[];
}

/** Ends the watching of a statement, and says whether it was cancelled for a deadlock along its chain. */
export type StopWatching = () => Promise<ChainDeadlockError | undefined>;

export interface LockWatchSettings {
  readonly clientName: string;
  readonly driver: Driver;
  readonly clock: Clock;
  /** Milliseconds after which a statement counts as slow; `undefined` turns the watch off. */
  readonly after: number | undefined;
}

/** The longest pause between two looks at the locks, in milliseconds. */
const longestPause = 1_000;
/** How long the side connection is kept when nothing is slow. */
const idleTimeout = 10_000;

/**
 * Finds deadlocks that no server sees: a transaction waits in the program, not in the database, for a
 * statement that waits for its lock. Nothing is done for a statement that ends within `after`; then a
 * side connection of the client, outside of its budget, asks what blocks it, repeatedly and with growing pauses.
 */
export class LockWatch {
  readonly #settings: LockWatchSettings;
  readonly #end = new AbortController();
  #probe: Promise<LockProbe> | undefined;
  #users = 0;
  #closeIdle: CancelTimer | undefined;

  constructor(settings: LockWatchSettings) {
    this.#settings = settings;
  }

  /** Watches a statement that was just sent; nothing where there is no need to. */
  watch(watched: WatchedStatement): StopWatching | undefined {
    const { after, clock, driver } = this.#settings;
    if (after === undefined || driver.openLockProbe === undefined) return undefined;
    if (watched.connection.backend.startedAt === undefined) return undefined;
    let stopped = false;
    let found: ChainDeadlockError | undefined;
    let looking: Promise<void> | undefined;
    let pause = after;
    const look = async (): Promise<void> => {
      const error = await this.#look(watched);
      if (stopped) return;
      if (error === undefined) {
        pause = Math.min(pause * 2, longestPause);
        arm();
        return;
      }
      found = error;
      await watched.connection.cancel();
    };
    let cancelTimer: CancelTimer;
    const arm = (): void => {
      cancelTimer = clock.setTimer(
        () => {
          looking = look();
        },
        pause,
        true,
      );
    };
    arm();
    watched.connection.onBlocked?.(() => {
      cancelTimer();
      looking = look();
    });
    return async () => {
      stopped = true;
      cancelTimer();
      // A cancel request that is under way must not hit the statement after this one.
      if (found !== undefined) await looking;
      return found;
    };
  }

  /**
   * All that wait for a lock of the server now, where the engine can tell and the server answers within so many milliseconds;
   * otherwise nothing is known.
   */
  async waits(within: number): Promise<readonly LockWait[] | undefined> {
    const { clock } = this.#settings;
    const asked = this.#ask((probe) => probe.waits?.() ?? Promise.resolve([]));
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const cancelTimer = clock.setTimer(() => resolve(undefined), within, true);
    try {
      return await Promise.race([asked.catch(() => undefined), late]);
    } finally {
      cancelTimer();
    }
  }

  /** Closes the side connection. */
  async end(): Promise<void> {
    this.#end.abort(new Error('the database was closed'));
    await this.#close();
  }

  async #look({
    connection,
    holder,
    level,
    statements,
    ancestors,
  }: WatchedStatement): Promise<ChainDeadlockError | undefined> {
    const { clientName, driver } = this.#settings;
    const backendId = connection.backend.id;
    try {
      const suspects = ancestors();
      const backends = suspects.map(({ backend }) => backend);
      const blocked = await this.#ask((probe) => probe.blockersOf(connection.backend, backends));
      if (lockProbe.hasSubscribers) {
        const blockedBy = blocked.blockers.map(({ backend }) => backend.id);
        const { relation } = blocked;
        const found = { blockers: blockedBy.length, blockedBy, relation };
        lockProbe.publish({ clientName, holderId: holder.id, backendId, ...found });
      }
      return deadlockAmong(blocked, suspects, { statements, driver, at: { clientName, level } });
    } catch (error) {
      if (lockProbe.hasSubscribers) {
        const none = { blockers: 0, blockedBy: [], relation: undefined };
        lockProbe.publish({ clientName, holderId: holder.id, backendId, ...none, error });
      }
      return undefined;
    }
  }

  /** Asks over the side connection, which is kept for a while. @throws where it cannot be opened, or is lost */
  async #ask<Answer>(question: (probe: LockProbe) => Promise<Answer>): Promise<Answer> {
    this.#users += 1;
    this.#closeIdle?.();
    const { clock, driver } = this.#settings;
    try {
      this.#probe ??= runUntraced(() => runUnwatched(() => driver.openLockProbe?.(this.#end.signal)));
      const probe = await this.#probe;
      if (probe === undefined) throw new Error('the engine tells nothing of its locks');
      return await runUntraced(() => runUnwatched(() => question(probe)));
    } catch (error) {
      this.#probe = undefined;
      throw error;
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#closeIdle = clock.setTimer(() => void this.#close(), idleTimeout, true);
    }
  }

  async #close(): Promise<void> {
    this.#closeIdle?.();
    const probe = this.#probe;
    this.#probe = undefined;
    try {
      await (await probe)?.close();
    } catch {
      // It could not be opened or is lost: gone in either case.
    }
  }
}

/**
 * The error for a statement that an ancestor of its own blocks. An ancestor in which a statement runs
 * is not waiting for this one: it is looked at again.
 */
function deadlockAmong(
  { blockers, relation }: BlockedBy,
  ancestors: readonly Ancestor[],
  waiting: WaitingStatements,
): ChainDeadlockError | undefined {
  for (const ancestor of ancestors) {
    const { id, startedAt } = ancestor.backend;
    const blocks = blockers.some(
      ({ backend, idle }) => idle && startedAt !== undefined && backend.id === id && backend.startedAt === startedAt,
    );
    if (blocks) return chainDeadlock(ancestor, relation, waiting);
  }
  return undefined;
}

/** What waits, and where. */
interface WaitingStatements {
  readonly statements: readonly Statement[];
  readonly driver: Driver;
  readonly at: ErrorPlace;
}

const longestQuery = 200;

function chainDeadlock(
  ancestor: Ancestor,
  relation: string | undefined,
  { statements, driver, at }: WaitingStatements,
): ChainDeadlockError {
  const { transaction, clientName, level } = ancestor;
  const nameQuote = driver.quoteName('name').slice(0, 1);
  const text = statements.map((statement) => withoutLiterals(statement.text, nameQuote)).join('; ');
  const query = text.length > longestQuery ? `${text.slice(0, longestQuery)}…` : text;
  const where = relation === undefined ? 'something' : `"${relation}"`;
  return new ChainDeadlockError({
    what: `A statement waits for a lock on ${where} that the transaction "${transaction}" (client "${clientName}", level ${level}) of its own chain holds, and that transaction waits for the statement; it was cancelled: ${query}`,
    remedy:
      'Let both run in one transaction, let the outer one commit before it waits, or let only one of them touch the row',
    at,
    ancestor,
    relation,
    query,
  });
}
