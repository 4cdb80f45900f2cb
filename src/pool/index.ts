export { AcquireTimeoutError, DatabaseClosedError, LevelLimitError, PoolDeadlockError } from './errors.ts';
export { openConnection } from './opening.ts';
export type { PooledConnection } from './physical.ts';
export { Pool } from './pool.ts';
export type { Holder, Lease } from './request.ts';
export { type PoolSettings, poolSettings } from './settings.ts';
export type { LevelStats, PoolStats } from './stats.ts';
