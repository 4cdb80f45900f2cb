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

export function unheard(name: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `The cache "${name}" got the option "memory" with a store that does not report changes`,
    remedy: 'Give the RedisStore a "subscriber", or leave "memory" out',
  });
}
