import { closedDatabase } from '../pool/index.ts';
import { type Database, internalsOf } from './database.ts';

/** For what begins to work on a database from now on. @throws DatabaseClosedError once `close()` was called */
export function assertOpen(database: Database): void {
  const internals = internalsOf(database);
  if (internals.isClosed()) throw closedDatabase(internals.defaultClientName);
}
