export { AcquireTimeoutError, DatabaseClosedError, LevelLimitError, PoolDeadlockError } from './errors.ts';
export { isAlive } from './liveness.ts';
export { openConnection } from './open-connection.ts';
export type { PooledConnection } from './physical-connections.ts';
export { Pool } from './pool.ts';
export { closed as closedDatabase } from './refusal.ts';
export type { AcquireRequest, Holder, Lease } from './request.ts';
export { poolSettings } from './settings.ts';
export type { LevelStats, PoolStats } from './stats.ts';
