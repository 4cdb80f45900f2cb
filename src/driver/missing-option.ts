import { emitWarning } from '../core/index.ts';

/**
 * Warns where an option that says where the database is was given, and is undefined, as an environment variable is that is
 * not set: what is used in its place may be another database than the one that was meant.
 */
export function warnOfMissing(
  owner: string,
  { given, read }: { readonly given: object; readonly read: object },
  name: string,
  inItsPlace: string,
): void {
  // What was read holds no option that is undefined.
  if (!(name in given) || name in read) return;
  emitWarning(
    'SLUICE_PLACE_UNDEFINED',
    `${owner} got undefined for the option "${name}" (an environment variable that is not set?) and uses ${inItsPlace}; leave the option out if that is meant`,
  );
}
