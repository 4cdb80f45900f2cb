import { AmbiguousDatabaseError, NoDatabaseError } from './errors.ts';

interface Registry {
  readonly open: Set<object>;
  first: object | undefined;
}

// Under a registered symbol, for the same reason as the context store: a second copy finds the same databases.
const registryKey = Symbol.for('sluice.databases.v1');
const shared = globalThis as { [registryKey]?: Registry };
const registry: Registry = (shared[registryKey] ??= { open: new Set(), first: undefined });

export function registerDatabase(database: object): void {
  if (registry.open.size === 0) registry.first = database;
  registry.open.add(database);
}

export function unregisterDatabase(database: object): void {
  registry.open.delete(database);
  if (registry.first === database) registry.first = undefined;
}

/** The first database that was created, or the only one that is open. @throws NoDatabaseError, AmbiguousDatabaseError */
export function defaultDatabase(): object {
  if (registry.first !== undefined) return registry.first;
  const [only, another] = registry.open;
  if (only === undefined) {
    throw new NoDatabaseError({
      what: 'There is no open database that a decorator or free function could use',
      remedy: 'Call createDatabase() first, or decorate with the Transactional of a database',
    });
  }
  if (another !== undefined) {
    throw new AmbiguousDatabaseError({
      what: `The first database is closed and ${registry.open.size} others are open, so none of them is the default`,
      remedy: 'Name the database: use its own transaction() or Transactional()',
    });
  }
  return only;
}
