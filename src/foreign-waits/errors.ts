import { SluiceError } from '../core/index.ts';

/**
 * A transaction that holds a connection called another server, where `foreignWaits: 'error'` forbids it. The transaction is
 * rolled back; what was called may have happened all the same.
 */
export class ForeignWaitError extends SluiceError {
  static override readonly code = 'FOREIGN_WAIT';
  override readonly code = 'FOREIGN_WAIT';
}
