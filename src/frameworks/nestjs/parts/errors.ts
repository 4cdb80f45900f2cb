import { SluiceError } from '../../../index.ts';

/** A database was named that no `SluiceModule` of the application has. Thrown when the application starts. */
export class UnknownDatabaseError extends SluiceError {
  static override readonly code = 'UNKNOWN_DATABASE';
  override readonly code = 'UNKNOWN_DATABASE';
}
