import { SluiceError } from '../core/index.ts';

/** What came with a job, a call or a message is not a context that may be taken. Nothing was made from it. */
export class InvalidContextError extends SluiceError {
  static override readonly code = 'INVALID_CONTEXT';
  override readonly code = 'INVALID_CONTEXT';
}

export function invalidContext(what: string, cause?: unknown): InvalidContextError {
  return new InvalidContextError({
    what: `A context from outside was refused: ${what}`,
    remedy:
      'Check the sender: all processes of a system need the same version, secret and maxLevel, and synchronized clocks',
    cause,
  });
}
