import { emitWarning } from '../core/index.ts';

/** Warns where the secret was given, and is undefined, as an environment variable is that is not set: nothing would be signed. */
export function warnOfMissingSecret(
  owner: string,
  { given, read }: { readonly given: object; readonly read: object },
): void {
  // What was read holds no option that is undefined.
  if (!('secret' in given) || 'secret' in read) return;
  emitWarning(
    'SLUICE_SECRET_UNDEFINED',
    `${owner} got undefined for the option "secret" (an environment variable that is not set?), so it signs and accepts no context: levels, ancestors and tenants are not passed on; leave the option out if that is meant`,
  );
}
