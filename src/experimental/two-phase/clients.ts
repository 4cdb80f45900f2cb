import { currentFrame, describeTransactions, levelBeside } from '../../context/index.ts';
import { type Check, InvalidOptionError, label, typeName } from '../../core/index.ts';
import type { TransactionalClient } from '../../connection/index.ts';
import { type Database, type Db, internalsOf } from '../../database/index.ts';
import { TwoPhaseInTransactionError, TwoPhaseTablesMissingError, TwoPhaseUnsupportedError } from './errors.ts';
import type { TwoPhaseDialect } from '../../driver/index.ts';
import { tables } from './tables.ts';

/** A client that can take part. */
export interface TwoPhaseClient {
  readonly client: TransactionalClient;
  readonly db: Db;
  readonly dialect: TwoPhaseDialect;
}

const aName: Check = label(200);

/**
 * The clients with these names, which can all prepare as far as their engines say.
 * @throws InvalidOptionError, UnknownClientError, TwoPhaseUnsupportedError
 */
export function clientsNamed(
  owner: string,
  database: Database,
  names: readonly string[],
  least: number,
): readonly TwoPhaseClient[] {
  const list: unknown = names;
  if (!Array.isArray(list) || list.length < least || list.some((name) => aName(name) !== undefined)) {
    throw new InvalidOptionError({
      what: `${owner} got ${Array.isArray(list) ? `${list.length} names` : typeName(list)} for its clients`,
      remedy: `Give the names of at least ${least} clients of the database, such as ['orders', 'payments']. For one alone a transaction is enough`,
    });
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new InvalidOptionError({
      what: `${owner} got the client "${twice}" twice`,
      remedy: 'Name each client once',
      at: { clientName: twice },
    });
  }
  return names.map((name) => {
    const client = internalsOf(database, owner).clientNamed(name);
    return { client, db: database.getDb({ clientName: name }), dialect: dialectOf(client) };
  });
}

function dialectOf({ driver, name }: TransactionalClient): TwoPhaseDialect {
  if (driver.twoPhase !== undefined) return driver.twoPhase;
  throw new TwoPhaseUnsupportedError({
    what: `The client "${name}" is on ${driver.dialect}, which cannot prepare a transaction and end it later`,
    remedy: 'Use PostgreSQL, MariaDB or MySQL for each client, or a saga with a step on each (docs/sagas.md)',
    at: { clientName: name },
  });
}

/** @throws TwoPhaseInTransactionError */
export function refuseInTransaction(owner: string): void {
  const { innermost } = currentFrame() ?? {};
  if (innermost === undefined) return;
  throw new TwoPhaseInTransactionError({
    what: `${owner} was called inside of a transaction, which does not commit with it`,
    remedy: `Call it outside of the transaction, and put what belongs together into its body`,
    chain: describeTransactions(innermost),
  });
}

/** Each needs a connection of its own, above those before it. @throws InvalidOptionError */
export function checkLevels(clients: readonly TwoPhaseClient[]): void {
  const base = levelBeside(currentFrame());
  for (const [index, { client }] of clients.entries()) {
    const { maxLevel } = client.pool.settings;
    if (base + index <= maxLevel) continue;
    throw new InvalidOptionError({
      what: `twoPhase needs a connection of client "${client.name}" at level ${base + index}, and its pool reserves none above ${maxLevel}`,
      remedy: 'Name fewer clients, or raise maxLevel of the client in all processes',
      at: { clientName: client.name, level: base + index },
    });
  }
}

/** Those whose servers were found able. */
const able = new WeakSet<TransactionalClient>();

/** Asks the server, once for each client. @throws TwoPhaseUnsupportedError */
export async function checkAbility({ client, db, dialect }: TwoPhaseClient): Promise<void> {
  if (able.has(client)) return;
  const { rows } = await tables.query(db, { text: dialect.ability });
  const inability = dialect.inability(rows[0] ?? {});
  if (inability === undefined) {
    able.add(client);
    return;
  }
  const { what, remedy } = inability;
  throw new TwoPhaseUnsupportedError({
    what: `The client "${client.name}" cannot prepare transactions: ${what}`,
    remedy,
    at: { clientName: client.name },
  });
}

const homes = new WeakMap<TransactionalClient, string>();

/** What names the database of a client on which decisions are written. @throws TwoPhaseTablesMissingError */
export async function homeOf({ client, db }: TwoPhaseClient): Promise<string> {
  const known = homes.get(client);
  if (known !== undefined) return known;
  const text = 'select id from sluice_two_phase_home where number = 1';
  const { rows } = await tables.query<{ id: string }>(db, { text });
  const [home] = rows;
  if (home === undefined) {
    throw new TwoPhaseTablesMissingError({
      what: `The table sluice_two_phase_home on client "${client.name}" is empty`,
      remedy: 'Run createTwoPhaseTables(db) again: the row names the database, and nothing may delete it',
      at: { clientName: client.name },
    });
  }
  homes.set(client, home.id);
  return home.id;
}
