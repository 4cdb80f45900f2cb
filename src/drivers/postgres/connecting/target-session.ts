import { SluiceError } from '../../../core/index.ts';
import type { SessionFacts } from './identify.ts';

/** Which of several servers will do, in the words of libpq. */
export const targetSessionAttrs = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;

/** Which of several servers is acceptable, in libpq's terms. */
export type TargetSessionAttrs = (typeof targetSessionAttrs)[number];

/** No server is what `targetSessionAttrs` asks for. */
export class TargetSessionError extends SluiceError {
  static override readonly code = 'TARGET_SESSION';
  override readonly code = 'TARGET_SESSION';
}

export function isTargetSessionAttrs(value: unknown): value is TargetSessionAttrs {
  return targetSessionAttrs.some((name) => name === value);
}

/** What is tried on all servers, one after the other. */
export function roundsOf(wanted: TargetSessionAttrs): readonly TargetSessionAttrs[] {
  return wanted === 'prefer-standby' ? ['standby', 'any'] : [wanted];
}

export function fits(wanted: TargetSessionAttrs, { isReadOnly, isStandby }: SessionFacts): boolean {
  switch (wanted) {
    case 'read-write':
      return !isReadOnly && !isStandby;
    case 'read-only':
      return isReadOnly || isStandby;
    case 'primary':
      return !isStandby;
    case 'standby':
      return isStandby;
    case 'any':
    case 'prefer-standby':
      return true;
  }
}

/** @param cause why others could not be asked */
export function noneFits(target: string, wanted: TargetSessionAttrs, cause: unknown): TargetSessionError {
  return new TargetSessionError({
    what: `${target}: no server that was reached is "${wanted}"`,
    remedy: 'Wait for a failover to end, or check the hosts and targetSessionAttrs',
    cause,
  });
}
