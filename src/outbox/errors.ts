import { type ErrorDetails, SluiceError } from '../core/index.ts';

/** The tables of the outbox and inbox are not there, or lack a column that this version has. */
export class OutboxMissingError extends SluiceError {
  static override readonly code = 'OUTBOX_MISSING';
  override readonly code = 'OUTBOX_MISSING';
}

/** Thrown by `deliver` of a relay: the other side is not there just now. Everything is kept, and no attempt is counted. */
export class RelayUnavailableError extends SluiceError {
  protected static override readonly isRetryable = true;
  static override readonly code = 'RELAY_UNAVAILABLE';
  override readonly code = 'RELAY_UNAVAILABLE';
}

/**
 * Messages were written outside of a transaction, and the answer was lost, several times: they may be there, and may have
 * been delivered. Added again with these ids, a receiver that knows them by their ids takes them once.
 */
export class OutboxUnknownError extends SluiceError {
  static override readonly code = 'OUTBOX_UNKNOWN';
  override readonly code = 'OUTBOX_UNKNOWN';
  /** In the order of the messages. */
  readonly ids: readonly string[];

  constructor(details: ErrorDetails & { readonly ids: readonly string[] }) {
    super(details);
    this.ids = details.ids;
  }
}
