import { SluiceError } from '../core/index.ts';

/** A call of a model names a column that it does not have, or asks for what cannot be meant. Nothing was sent. */
export class InvalidModelCallError extends SluiceError {
  override readonly code = 'INVALID_MODEL_CALL';
}
