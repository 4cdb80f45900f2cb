import { SluiceError } from '../../core/index.ts';

/** A database for tests could not be made, or was not free in time. `cause` is what the server or the template has said. */
export class TestDatabaseError extends SluiceError {
  static override readonly code = 'TEST_DATABASE';
  override readonly code = 'TEST_DATABASE';
}

/** Databases for tests were asked for where real data may be. Nothing was made or dropped. */
export class ProductionDatabaseError extends SluiceError {
  static override readonly code = 'PRODUCTION_DATABASE';
  override readonly code = 'PRODUCTION_DATABASE';
}
