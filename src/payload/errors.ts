import { SluiceError } from '../core/index.ts';

/** Data, a result, progress or a payload is larger than allowed. Nothing was sent. */
export class PayloadTooLargeError extends SluiceError {
  static override readonly code = 'PAYLOAD_TOO_LARGE';
  override readonly code = 'PAYLOAD_TOO_LARGE';
}

/** Data, a result, progress or a payload cannot be written as JSON. Nothing was sent. */
export class UnserializableError extends SluiceError {
  static override readonly code = 'UNSERIALIZABLE';
  override readonly code = 'UNSERIALIZABLE';
}

/** A payload does not pass the validator of its definition. */
export class InvalidPayloadError extends SluiceError {
  static override readonly code = 'INVALID_PAYLOAD';
  override readonly code = 'INVALID_PAYLOAD';
}
