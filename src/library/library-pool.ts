import type { TransactionalClient } from '../connection/index.ts';
import { type ErrorPlace, fieldOf, InvalidOptionError, refuseOtherVersion } from '../core/index.ts';
import { type Database, internalsOf } from '../database/index.ts';
import type { LibraryPoolOptions } from '../driver/index.ts';
import { currentFrame, findPlace } from '../context/index.ts';

/** Says of a pool, and of what it lends, which client they are of; what wraps them says so too. */
const ofClient = Symbol.for('sluice.client');

/** @throws InvalidOptionError for what is no database; MixedVersionsError; UnknownClientError */
export function clientOf(database: Database, clientName: string | undefined, owner?: string): TransactionalClient {
  const internals = internalsOf(database, owner);
  return internals.clientNamed(clientName === undefined ? internals.defaultClientName : clientName);
}

/** Where a call on a client lands here, for errors. */
export function placeOn(database: Database, clientName: string | undefined): ErrorPlace {
  const client = clientOf(database, clientName);
  return { clientName: client.name, level: findPlace(currentFrame(), client).level };
}

/**
 * A pool of the engine's usual client package over a client of the database.
 * @throws UnknownClientError; InvalidOptionError where the engine has none
 */
export function libraryPool(
  database: Database,
  clientName: string | undefined,
  options: LibraryPoolOptions = {},
): object {
  const client = clientOf(database, clientName, 'ambientPool');
  const pool = client.driver.libraryPool?.(database, client.name, options);
  if (pool !== undefined) return belongingTo(client, pool);
  throw new InvalidOptionError({
    what: `The engine of client "${client.name}" (${client.driver.dialect}) has no pool for libraries`,
    remedy: 'Use a client on an engine that has one, such as postgres()',
  });
}

/** Says of what a library shows of its connections which client they are of. */
export function belongingTo<Pool extends object>(client: TransactionalClient, pool: Pool): Pool {
  return Object.defineProperty(pool, ofClient, { value: client });
}

/** Whether it says which client it is of. */
export function isOfClient(shown: unknown): boolean {
  return fieldOf(shown, ofClient) !== undefined;
}

/**
 * Refuses a library's pool that is visibly not an ambient one of the client, since nothing sent over it would join.
 * @param pool what the library shows of where it gets connections from
 * @throws InvalidOptionError
 */
export function assertPoolOf(client: TransactionalClient, pool: unknown, entry: string): void {
  // A pool of promises knows the one that it is of.
  const found = (fieldOf(pool, ofClient) ?? fieldOf(fieldOf(pool, 'pool'), ofClient)) as
    | TransactionalClient
    | undefined;
  if (found === client) return;
  refuseOtherVersion(entry, 'a handle over an ambient pool', found?.database);
  // A connection that a pool has lent shows whose it is when a transaction begins on it.
  if (found === undefined && typeof fieldOf(pool, 'release') === 'function') return;
  const [kind, name] =
    client.driver.libraryPool === undefined ? ['dialect', 'ambientDialect'] : ['pool', 'ambientPool'];
  throw new InvalidOptionError({
    what:
      found === undefined
        ? `${entry} was given a handle that gets its connections from no ambient ${kind}: nothing of it would join`
        : `${entry} was given a handle over the ambient ${kind} of another client or database ("${found.name}")`,
    remedy: `Make the handle over ${name}() of the database and client ("${client.name}") that it is bound to`,
  });
}
