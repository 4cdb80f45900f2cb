export { AcquireTimeoutError, DatabaseClosedError, LevelLimitError, PoolDeadlockError } from './errors.ts';
export { openConnection, type OpeningOptions } from './opening.ts';
export type { PooledConnection } from './physical.ts';
export { Pool, type PoolDependencies } from './pool.ts';
export type { AcquireRequest, Holder, Lease } from './request.ts';
export { type PoolSettings, poolSettings } from './settings.ts';
export type { LevelStats, PoolStats } from './stats.ts';
