import { InvalidOptionError, typeName } from '../core/index.ts';
import { type Database, internalsOf } from './database.ts';

/**
 * Checks the first argument of a function that is called as `owner(database, options)`.
 * @throws InvalidOptionError for anything but a database; the message shows the call
 */
export function checkDatabase(owner: string, database: Database): void {
  const call = `${owner}(database, options)`;
  if (hasDatabase(database)) {
    throw new InvalidOptionError({
      what: `${owner} got an object with "database" as its first argument`,
      remedy: `Write ${call}: the database first, the other options after it`,
    });
  }
  if (typeof database !== 'object' || database === null) {
    throw new InvalidOptionError({
      what: `${owner} got ${typeName(database)} as its first argument, which is the database`,
      remedy: `Write ${call}, with what createDatabase() returned`,
    });
  }
  internalsOf(database, owner);
}

function hasDatabase(value: unknown): boolean {
  try {
    return typeof value === 'object' && value !== null && 'database' in value;
  } catch {
    return false;
  }
}
