import { SluiceError } from '../core/index.ts';

/** A client was named that the database does not have. */
export class UnknownClientError extends SluiceError {
  override readonly code = 'UNKNOWN_CLIENT';
}

/** The default database was asked for and none is open. */
export class NoDatabaseError extends SluiceError {
  override readonly code = 'NO_DATABASE';
}

/** The default database was asked for, it is closed, and several others are open. */
export class AmbiguousDatabaseError extends SluiceError {
  override readonly code = 'AMBIGUOUS_DATABASE';
}
