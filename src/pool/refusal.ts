import { type ChainLink, describeLink } from '../core/index.ts';
import { AcquireTimeoutError, DatabaseClosedError, LevelLimitError, PoolDeadlockError } from './errors.ts';
import type { Holder } from './request.ts';
import type { PoolSettings } from './settings.ts';

/** What the refusals say of the pool that refuses. */
export interface RefusingPool {
  readonly clientName: string;
  readonly settings: PoolSettings;
  /** Who holds connections, the longest first. */
  readonly holders: readonly ChainLink[];
}

const mostHoldersTold = 5;

export function deadlock(pool: RefusingPool, level: number, holder: Holder): PoolDeadlockError {
  return new PoolDeadlockError({
    what: `A connection of client "${pool.clientName}" at level ${level} was asked for by a chain that already holds level ${level} or a deeper one, and none is free: waiting would deadlock`,
    remedy:
      'Leave the level to Sluice (REQUIRES_NEW, switchDbIsolate and awaited jobs choose one above all that is held), or pass a level above those',
    chain: holder.heldBesides(),
  });
}

export function tooDeep(pool: RefusingPool, level: number, holder: Holder): LevelLimitError {
  return new LevelLimitError({
    what: `A connection of client "${pool.clientName}" at level ${level} was asked for, deeper than maxLevel ${pool.settings.maxLevel}, and none is free`,
    remedy: 'Raise maxLevel in every process of the system, or nest fewer independent transactions and awaited jobs',
    chain: holder.heldBesides(),
  });
}

export function tooLate(pool: RefusingPool, level: number, holder: Holder): AcquireTimeoutError {
  const { acquireTimeout, budget } = pool.settings;
  const told = pool.holders.slice(0, mostHoldersTold).map(describeLink);
  const rest = pool.holders.length - told.length;
  const held =
    told.length === 0 ? 'nobody holds one: connections could not be opened in time' : `held by ${told.join('; ')}`;
  return new AcquireTimeoutError({
    what: `No connection of client "${pool.clientName}" at level ${level} became free within ${acquireTimeout} ms (budget ${budget}; ${held}${rest > 0 ? `; and ${rest} more` : ''})`,
    remedy: 'Look for a transaction that is held too long, or raise max, budget or acquireTimeout',
    chain: holder.heldBesides(),
  });
}

export function closed(clientName: string): DatabaseClosedError {
  return new DatabaseClosedError({
    what: `The client "${clientName}" belongs to a database that is closing or closed`,
    remedy: 'Start no new work after close(); to go on, create a new database',
  });
}
