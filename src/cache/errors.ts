import { InvalidOptionError, SluiceError, typeName } from '../core/index.ts';

/** A value is larger than the cache takes; nothing was stored. */
export class CacheValueTooLargeError extends SluiceError {
  static override readonly code = 'CACHE_VALUE_TOO_LARGE';
  override readonly code = 'CACHE_VALUE_TOO_LARGE';
}

/** A transaction could not announce in time what it is about to change; it was rolled back. */
export class CacheUnavailableError extends SluiceError {
  protected static override readonly isRetryable = true;
  static override readonly code = 'CACHE_UNAVAILABLE';
  override readonly code = 'CACHE_UNAVAILABLE';
}

/**
 * The store of a cache failed a call, did not answer within `storeTimeout`, or gave an answer that its port does not allow. It is
 * the cause of a `CacheUnavailableError`, or was reported in the background while the database was read.
 */
export class CacheStoreError extends SluiceError {
  static override readonly code = 'CACHE_STORE_FAILED';
  override readonly code = 'CACHE_STORE_FAILED';
}

/** A load took longer than the `loadTimeout` of its cache. What it gives later is not stored. */
export class CacheLoadTimeoutError extends SluiceError {
  static override readonly code = 'CACHE_LOAD_TIMEOUT';
  override readonly code = 'CACHE_LOAD_TIMEOUT';
}

/** A load needs the value that it loads: it would never end. */
export class CacheLoadCircleError extends SluiceError {
  static override readonly code = 'CACHE_LOAD_CIRCLE';
  override readonly code = 'CACHE_LOAD_CIRCLE';
}

export function noLoad(name: string, load: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `getOrSet of the cache "${name}" got ${typeName(load)} as its load function`,
    remedy: 'Give a function after the key',
  });
}
