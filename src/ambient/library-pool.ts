import { InvalidOptionError } from '../core/index.ts';
import { type Database, internalsOf } from '../database/index.ts';
import type { LibraryPoolOptions } from '../driver/index.ts';

/**
 * A pool of the engine's usual client package over a client of the database.
 * @throws UnknownClientError; InvalidOptionError where the engine has none
 */
export function libraryPool(
  database: Database,
  clientName: string | undefined,
  options: LibraryPoolOptions = {},
): object {
  const internals = internalsOf(database);
  const client = internals.clientNamed(clientName ?? internals.defaultClientName);
  const pool = client.driver.libraryPool?.(database, client.name, options);
  if (pool !== undefined) return pool;
  throw new InvalidOptionError({
    what: `The engine of client "${client.name}" (${client.driver.dialect}) has no pool for libraries`,
    remedy: 'Use a client of an engine that has, such as postgres()',
  });
}
