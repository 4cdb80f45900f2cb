import { type ErrorDetails, SluiceError } from '../../core/index.ts';

/** The handler of a message, or the validator of its topic, ran longer than the consumer's `maxRuntime`; what it did was rolled back, and it counts as failed. */
export class HandlerTimeoutError extends SluiceError {
  static override readonly code = 'HANDLER_TIMEOUT';
  override readonly code = 'HANDLER_TIMEOUT';
  /** Names the message. */
  readonly messageId: string;

  constructor(details: ErrorDetails & { readonly messageId: string }) {
    super(details);
    this.messageId = details.messageId;
  }
}

/** The process of a consumer has ended each time that the handler of a message ran; it is started no more. */
export class HandlerCrashedError extends SluiceError {
  static override readonly code = 'HANDLER_CRASHED';
  override readonly code = 'HANDLER_CRASHED';
  /** Names the message. */
  readonly messageId: string;
  /** How often its handler was started without an end. */
  readonly starts: number;

  constructor(details: ErrorDetails & { readonly messageId: string; readonly starts: number }) {
    super(details);
    this.messageId = details.messageId;
    this.starts = details.starts;
  }
}

/** A consumer was stopped before its broker was reached. */
export class ConsumerStoppedError extends SluiceError {
  static override readonly code = 'CONSUMER_STOPPED';
  override readonly code = 'CONSUMER_STOPPED';
}
