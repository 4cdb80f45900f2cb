import { type ErrorDetails, SluiceError } from '../core/index.ts';

/**
 * Why a context was refused. `malformed`: it cannot be read, or holds what cannot be. `untrusted`: it can be read, but it is
 * not shown to come from a trusted sender just now: a wrong signature, too old, or sent for the second time.
 */
export type ContextRefusal = 'malformed' | 'untrusted';

/** What came with a job, a call or a message is not a context that may be taken. Nothing was made from it. */
export class InvalidContextError extends SluiceError {
  static override readonly code = 'INVALID_CONTEXT';
  override readonly code = 'INVALID_CONTEXT';
  /** Whether it could not be read or not be trusted. */
  readonly reason: ContextRefusal;

  constructor(details: ErrorDetails & { readonly reason?: ContextRefusal }) {
    super(details);
    this.reason = details.reason ?? 'malformed';
  }
}

export function invalidContext(what: string, cause?: unknown, reason?: ContextRefusal): InvalidContextError {
  return new InvalidContextError({
    ...(reason === undefined ? {} : { reason }),
    what: `A context from outside was refused: ${what}`,
    remedy:
      'Check the sender: all processes of a system need the same version, secret and maxLevel, and synchronized clocks',
    cause,
  });
}
