import { fieldOf } from '../../core/index.ts';
import type { Failure, FailureKind } from '../../driver/index.ts';

/** Extended result codes by meaning; see "Result and Error Codes" in the manual. */
const kinds: ReadonlyMap<number, FailureKind> = new Map([
  [1555, 'uniqueViolation'],
  [2067, 'uniqueViolation'],
  [787, 'foreignKeyViolation'],
  [275, 'checkViolation'],
]);

const busyCodes: ReadonlySet<number> = new Set([5, 6]);

/** Another connection holds the lock that the statement needs: another attempt may get it. */
export function isBusy(error: unknown): boolean {
  return busyCodes.has(codeOf(error) & 0xff);
}

export function describeFailure(error: unknown): Failure {
  return { kind: isBusy(error) ? 'serialization' : (kinds.get(codeOf(error)) ?? 'statement'), error };
}

function codeOf(error: unknown): number {
  const code = fieldOf(error, 'errcode');
  return typeof code === 'number' ? code : 0;
}
