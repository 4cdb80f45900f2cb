import type { ChainLink } from '../core/index.ts';

/** A level of a client's pool. */
export interface LevelStats {
  /** The level, from 0. */
  readonly level: number;
  /** Connections in use at this level. */
  readonly used: number;
  /** Requests that wait for a connection at this level. */
  readonly waiting: number;
}

/** The connections of one client in this process. */
export interface PoolStats {
  /** The most connections that this process opens; see `PoolOptions.budget`. */
  readonly budget: number;
  /** The width of level 0; see `PoolOptions.max`. */
  readonly max: number;
  /** The deepest level with a reserved connection; see `PoolOptions.maxLevel`. */
  readonly maxLevel: number;
  /** Connections in use, of all levels. */
  readonly used: number;
  /** Open connections that are not in use. */
  readonly idle: number;
  /** Connections that are being opened. */
  readonly opening: number;
  /** Connections that are being closed and still count against the budget. */
  readonly closing: number;
  /** Requests in line, of all levels. */
  readonly waiting: number;
  /** The levels from 0 to `maxLevel`, in order. */
  readonly levels: readonly LevelStats[];
  /** Who holds a connection longest. */
  readonly oldestHolder: ChainLink | undefined;
}
