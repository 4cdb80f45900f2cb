export { AcquireTimeoutError, DatabaseClosedError, LevelLimitError, PoolDeadlockError } from './errors.ts';
export { answers } from './answers.ts';
export { openConnection } from './opening.ts';
export type { PooledConnection } from './physical.ts';
export { Pool } from './pool.ts';
export type { Holder, Lease } from './request.ts';
export { poolSettings } from './settings.ts';
export type { LevelStats, PoolStats } from './stats.ts';
