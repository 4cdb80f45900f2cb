import { sharedByCopies } from '../core/index.ts';
import { ConnectError } from '../driver/index.ts';

const told = sharedByCopies('library-failures', () => new WeakMap<object, ConnectError>());

/**
 * The error that a library gets for a failure: where no connection could be opened, the driver's own error, as its pool would
 * give it, since libraries look at the `code` (a missing database, a refused user).
 * @throws always
 */
export function throwToLibrary(error: unknown): never {
  if (!(error instanceof ConnectError)) throw error;
  const { cause } = error;
  if (typeof cause !== 'object' || cause === null) throw error;
  told.set(cause, error);
  throw cause;
}

/** The error that Sluice has for what a library was told; what it is no other for stays as it is. */
export function errorOfSluice(error: unknown): unknown {
  return (typeof error === 'object' && error !== null ? told.get(error) : undefined) ?? error;
}
