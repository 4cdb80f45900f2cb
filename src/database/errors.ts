import { InvalidOptionError, refuseOtherVersion, SluiceError, typeName } from '../core/index.ts';

/** A client was named that the database does not have. */
export class UnknownClientError extends SluiceError {
  static override readonly code = 'UNKNOWN_CLIENT';
  override readonly code = 'UNKNOWN_CLIENT';
}

/** A free function or decorator was used where no database is open. */
export class NoDatabaseError extends SluiceError {
  static override readonly code = 'NO_DATABASE';
  override readonly code = 'NO_DATABASE';
}

/** A free function or decorator was used where several databases are open, and nothing says which is meant. */
export class AmbiguousDatabaseError extends SluiceError {
  static override readonly code = 'AMBIGUOUS_DATABASE';
  override readonly code = 'AMBIGUOUS_DATABASE';
}

/**
 * A library that is not bound would begin a transaction on an ambient pool, and the database was made with `unbound: 'error'`; nothing
 * was sent.
 */
export class UnboundLibraryError extends SluiceError {
  static override readonly code = 'UNBOUND_LIBRARY';
  override readonly code = 'UNBOUND_LIBRARY';
}

/** For what is given in place of a database. @throws MixedVersionsError for one of another version */
export function noDatabase(value: unknown, owner = 'A function that takes a database'): InvalidOptionError {
  refuseOtherVersion(owner, 'a database', value);
  const isDatabase = hasSwitch(value);
  return new InvalidOptionError({
    what: `${owner} got ${isDatabase ? 'a database that is wrapped in a Proxy' : `${named(value)} in place of a database`}`,
    remedy: remedyOf(owner),
  });
}

/** What comes after the database, where it is no options object. */
const secondArguments: Readonly<Record<string, string>> = {
  rolledBack: 'fn',
  poolOfOne: 'fn',
  rollbackEach: 'test',
};

function remedyOf(owner: string): string {
  const second = owner.startsWith('create') ? 'options' : secondArguments[owner];
  return second === undefined
    ? 'Give what createDatabase() returned'
    : `Write ${owner}(database, ${second}), with what createDatabase() returned`;
}

function hasSwitch(value: unknown): boolean {
  try {
    return typeof value === 'object' && value !== null && 'switchDb' in value;
  } catch {
    return false;
  }
}

/** An object of the program has no name of its own. */
function named(value: unknown): string {
  return typeof value === 'object' && value !== null && typeName(value).startsWith('a value')
    ? 'an object'
    : typeName(value);
}
