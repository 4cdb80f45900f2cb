import { SluiceError } from '../../core/index.ts';

/** The engine's server was not reached, or took nothing. No job was enqueued, and none will be. */
export class QueueUnavailableError extends SluiceError {
  protected static override readonly isRetryable = true;
  static override readonly code = 'QUEUE_UNAVAILABLE';
  override readonly code = 'QUEUE_UNAVAILABLE';
}

/** The engine gets no notifications and polls instead. Reported in the background. */
export class NotificationsUnheardError extends SluiceError {
  static override readonly code = 'NOTIFICATIONS_UNHEARD';
  override readonly code = 'NOTIFICATIONS_UNHEARD';
}
