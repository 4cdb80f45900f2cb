import { codeOf, messageOf } from '../wire/server-error.ts';
import type { PlannedText } from './prepared-statements.ts';

/**
 * What a failure says of prepared statements. `missing`: the server does not have what it should.
 * `changed`: a table or type is not what it was when they were parsed. `suspect`: the types of the values may be
 * those of a table as it was, or a value is simply wrong.
 */
export type Staleness = 'missing' | 'changed' | 'suspect';

/** Of values that do not fit the types that the server was told, or found, when it parsed the text. */
const ofTypes: ReadonlySet<string> = new Set([
  '22003',
  '22007',
  '22008',
  '22023',
  '22P02',
  '22P03',
  '42804',
  '42846',
  '42883',
  '42725',
]);

/**
 * @param plan how the statement was sent that failed
 * @param hasBegun it failed while it ran, so that its values fitted
 */
export function stalenessOf(error: unknown, plan: PlannedText | undefined, hasBegun: boolean): Staleness | undefined {
  const code = codeOf(error);
  const isNamed = plan !== undefined && plan.name !== '';
  if (code === '26000' || code === '42P05') {
    // One that the program has prepared itself is its own affair.
    return isNamed && messageOf(error).includes(plan.name) ? 'missing' : undefined;
  }
  if (code === '0A000') return isChangedResult(error) ? 'changed' : undefined;
  if (!isNamed || plan.isFresh || hasBegun) return undefined;
  if (code === 'XX000') return messageOf(error).startsWith('cache lookup failed') ? 'changed' : undefined;
  return ofTypes.has(code) ? 'suspect' : undefined;
}

/** "cached plan must not change result type", in whichever language. */
function isChangedResult(error: unknown): boolean {
  const routine = typeof error === 'object' && error !== null && 'routine' in error ? error.routine : undefined;
  return routine === 'RevalidateCachedQuery' || messageOf(error).includes('cached plan');
}
