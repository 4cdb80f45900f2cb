import { type Frame, frameOfCall } from '../context/index.ts';
import { sharedByCopies } from '../core/index.ts';
import { AmbiguousDatabaseError, NoDatabaseError } from './errors.ts';

interface Registry {
  readonly open: Set<object>;
}

// A second copy of the package finds the same databases.
const registry = sharedByCopies('databases', (): Registry => ({ open: new Set() }));

export function registerDatabase(database: object): void {
  registry.open.add(database);
}

export function unregisterDatabase(database: object): void {
  registry.open.delete(database);
}

/** All that are open in this process. */
export function openDatabases(): readonly object[] {
  return [...registry.open];
}

/**
 * The database that a free function or decorator means here: the only one that the chain has a transaction of, or else the
 * one whose client is current, or else the only one that is open.
 * @throws NoDatabaseError, AmbiguousDatabaseError
 */
export function databaseHere(): object {
  const ambient = ambientDatabases(frameOfCall());
  const [decided] = ambient;
  if (decided !== undefined) {
    if (ambient.size > 1) throw ambiguous(`The chain has transactions of ${ambient.size} databases`);
    return decided;
  }
  const [only] = registry.open;
  if (only === undefined) {
    throw new NoDatabaseError({
      what: 'A decorator or free function was used while no database is open',
      remedy: 'Call createDatabase() first, or use the Transactional of a database',
    });
  }
  if (registry.open.size > 1) {
    throw ambiguous(`${registry.open.size} databases are open, and no ambient transaction is there to decide`);
  }
  return only;
}

/** Refuses to guess where several databases are open and nothing decides. @throws AmbiguousDatabaseError */
export function assertUnambiguous(): void {
  if (registry.open.size > 1) databaseHere();
}

function ambientDatabases(frame: Frame | undefined): ReadonlySet<object> {
  const found = new Set<object>();
  for (let open = frame?.innermost; open !== undefined; open = open.outer) found.add(open.client.database);
  // What comes too late belongs to the transaction that has ended, which refuses it.
  if (frame?.scope !== undefined) found.add(frame.scope.transaction.client.database);
  if (found.size === 0 && frame?.current !== undefined) found.add(frame.current.database);
  return found;
}

function ambiguous(what: string): AmbiguousDatabaseError {
  return new AmbiguousDatabaseError({
    what: `A decorator or free function cannot tell which database to use: ${what}`,
    remedy:
      'Name it: use the Transactional, the transaction() or the hooks (database.current.commit) of that database, or give the class its bean.database',
  });
}
