import { SluiceError } from '../core/index.ts';

/** A client was named that the database does not have. */
export class UnknownClientError extends SluiceError {
  override readonly code = 'UNKNOWN_CLIENT';
}

/** A free function or decorator was used where no database is open. */
export class NoDatabaseError extends SluiceError {
  override readonly code = 'NO_DATABASE';
}

/** A free function or decorator was used where several databases are open, and nothing says which is meant. */
export class AmbiguousDatabaseError extends SluiceError {
  override readonly code = 'AMBIGUOUS_DATABASE';
}
