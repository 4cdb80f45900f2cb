import { SluiceError } from '../../core/index.ts';

/** The engine's server was not reached, or took nothing. No job was enqueued, and none will be. */
export class QueueUnavailableError extends SluiceError {
  override readonly code = 'QUEUE_UNAVAILABLE';
}

/** The engine hears of nothing that happens, and goes on by looking. Told in the background. */
export class NotificationsUnheardError extends SluiceError {
  override readonly code = 'NOTIFICATIONS_UNHEARD';
}
