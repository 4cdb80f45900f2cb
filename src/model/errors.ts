import { InvalidOptionError } from '../core/index.ts';

/** A call of a model names a column that it does not have, or asks for what cannot be meant. Nothing was sent. */
export class InvalidModelCallError extends InvalidOptionError {}

export function invalid(what: string, remedy: string): InvalidModelCallError {
  return new InvalidModelCallError({ what, remedy });
}
