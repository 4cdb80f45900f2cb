import { SluiceError } from '../core/index.ts';

/** The tables of the outbox and inbox are not there. */
export class OutboxMissingError extends SluiceError {
  override readonly code = 'OUTBOX_MISSING';
}

/** Thrown by `deliver` of a relay: the other side is not there just now. Everything is kept, and no attempt is counted. */
export class RelayUnavailableError extends SluiceError {
  override readonly code = 'RELAY_UNAVAILABLE';
}
