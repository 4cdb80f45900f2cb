import type { ChainLink } from '../core/index.ts';

/** A level of a client's pool. */
export interface LevelStats {
  readonly level: number;
  readonly used: number;
  readonly waiting: number;
}

/** The connections of one client in this process. */
export interface PoolStats {
  readonly budget: number;
  readonly max: number;
  readonly maxLevel: number;
  /** Connections in use, of all levels. */
  readonly used: number;
  readonly idle: number;
  readonly opening: number;
  readonly closing: number;
  /** Requests in line, of all levels. */
  readonly waiting: number;
  readonly levels: readonly LevelStats[];
  /** Who holds a connection longest. */
  readonly oldestHolder: ChainLink | undefined;
}
