import { SluiceError } from '../core/index.ts';

/** A client was named that the database does not have. */
export class UnknownClientError extends SluiceError {
  static override readonly code = 'UNKNOWN_CLIENT';
  override readonly code = 'UNKNOWN_CLIENT';
}

/** A free function or decorator was used where no database is open. */
export class NoDatabaseError extends SluiceError {
  static override readonly code = 'NO_DATABASE';
  override readonly code = 'NO_DATABASE';
}

/** A free function or decorator was used where several databases are open, and nothing says which is meant. */
export class AmbiguousDatabaseError extends SluiceError {
  static override readonly code = 'AMBIGUOUS_DATABASE';
  override readonly code = 'AMBIGUOUS_DATABASE';
}
