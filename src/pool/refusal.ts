import { type ChainLink, describeLink } from '../core/index.ts';
import { AcquireTimeoutError, DatabaseClosedError, LevelLimitError, PoolDeadlockError } from './errors.ts';
import { stillConnecting } from './open-connection.ts';
import type { AcquireRequest, Holder } from './request.ts';
import type { PoolSettings } from './settings.ts';

/** What the refusals say of the pool that refuses. */
export interface RefusingPool {
  readonly clientName: string;
  readonly settings: PoolSettings;
  readonly target: string;
  /** Some of those who hold connections, the longest first. */
  readonly holders: readonly ChainLink[];
  /** How many more hold one. */
  readonly moreHolders: number;
  /** Why those who were granted a connection have none, if there are any. */
  readonly shortage: Shortage | undefined;
}

/** What the server gives no connection for. */
export interface Shortage {
  /** Those who were granted a connection and wait for it. */
  readonly waiting: number;
  /** Why the last attempt to open one failed; nothing if the first has not ended. */
  readonly cause: unknown;
}

/** How many holders a refusal names. */
export const mostHoldersTold = 5;

export function deadlock(pool: RefusingPool, { level, holder, besides }: AcquireRequest): PoolDeadlockError {
  return new PoolDeadlockError({
    what: `Deadlock prevented: a chain asked for a connection of client "${pool.clientName}" at level ${level} while it has a transaction open at that level or deeper, and none is free`,
    remedy:
      'Let Sluice choose the level (REQUIRES_NEW, switchDbIsolate and awaited jobs do), or pass one deeper than all that the chain has open; the first statement of a transaction comes before those inside of it begin',
    chain: besides?.() ?? holder.heldBesides(),
    at: { clientName: pool.clientName, level },
  });
}

export function tooDeep(pool: RefusingPool, level: number, holder: Holder): LevelLimitError {
  return new LevelLimitError({
    what: `No connection of client "${pool.clientName}" is free at level ${level}, which is deeper than maxLevel ${pool.settings.maxLevel} and has no reserve`,
    remedy: 'Raise maxLevel in every process of the system, or nest fewer independent transactions and awaited jobs',
    chain: holder.heldBesides(),
    at: { clientName: pool.clientName, level },
  });
}

export function tooLate(pool: RefusingPool, level: number, holder: Holder): AcquireTimeoutError {
  const { acquireTimeout, budget } = pool.settings;
  const told = pool.holders.map(describeLink);
  const held = told.length === 0 ? 'no transaction holds one' : `held by ${told.join('; ')}`;
  const more = pool.moreHolders > 0 ? `; and ${pool.moreHolders} more` : '';
  return new AcquireTimeoutError({
    what: `No connection of client "${pool.clientName}" at level ${level} became free within ${acquireTimeout} ms (budget ${budget}; ${held}${more}${shortOf(pool)})`,
    remedy:
      pool.shortage === undefined
        ? 'Find the transaction that is held too long, or raise max, budget or acquireTimeout'
        : 'See the cause: the server is unreachable, or allows fewer connections than the budget. Raise its limit or lower the budget',
    chain: holder.heldBesides(),
    at: { clientName: pool.clientName, level },
    cause: pool.shortage && (pool.shortage.cause ?? stillConnecting(pool.clientName, pool.target, acquireTimeout)),
  });
}

function shortOf({ shortage }: RefusingPool): string {
  return shortage === undefined ? '' : `; ${shortage.waiting} may have one that could not be opened`;
}

export function closed(clientName: string): DatabaseClosedError {
  return new DatabaseClosedError({
    what: `The client "${clientName}" belongs to a database that is closing or closed`,
    remedy: 'Start no new work after close(), or create a new database',
    at: { clientName },
  });
}
