import { SluiceError } from '../../index.ts';

/** `MANDATORY` was asked for without a transaction, `NEVER` inside of one, or a hook where nothing could call it. */
export class TransactionalError extends SluiceError {
  static override readonly code = 'TRANSACTIONAL';
  override readonly code = 'TRANSACTIONAL';
}
