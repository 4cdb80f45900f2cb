import { SluiceError } from '../core/index.ts';

/** No connection became free within `acquireTimeout`. The message says who holds them. */
export class AcquireTimeoutError extends SluiceError {
  protected static override readonly isRetryable = true;
  static override readonly code = 'ACQUIRE_TIMEOUT';
  override readonly code = 'ACQUIRE_TIMEOUT';
}

/** A request at or below a level at which its own chain has a transaction open found nothing free; waiting might never end. */
export class PoolDeadlockError extends SluiceError {
  static override readonly code = 'POOL_DEADLOCK';
  override readonly code = 'POOL_DEADLOCK';
}

/** A request deeper than `maxLevel` found no free connection; so deep, none is reserved and nothing may wait. */
export class LevelLimitError extends SluiceError {
  static override readonly code = 'LEVEL_LIMIT';
  override readonly code = 'LEVEL_LIMIT';
}

/** The database is closing or closed. */
export class DatabaseClosedError extends SluiceError {
  static override readonly code = 'DATABASE_CLOSED';
  override readonly code = 'DATABASE_CLOSED';
}
