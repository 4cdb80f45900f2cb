import { SluiceError } from '../../core/index.ts';

/** A consumer was stopped before its broker was reached. */
export class ConsumerStoppedError extends SluiceError {
  static override readonly code = 'CONSUMER_STOPPED';
  override readonly code = 'CONSUMER_STOPPED';
}
