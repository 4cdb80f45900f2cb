import { createHash } from 'node:crypto';
import {
  aBoolean,
  aFunction,
  type Check,
  checkedArgument,
  integer,
  InvalidOptionError,
  listOf,
  milliseconds,
  readOptions,
  sharedByCopies,
  text,
} from '../../core/index.ts';
import { checkDatabase, type Database, internalsOf } from '../../database/index.ts';
import { hasServer, type Lease, lease } from './leases.ts';

/** Options of `testDatabases`. */
export interface TestDatabasesOptions {
  /** Names the suite, and begins the names of its databases: 1 to 24 lower-case letters, digits and underscores, the first a letter. */
  readonly name: string;
  /** What the template is made from, such as the texts of the migrations: if one of them changes, it is made anew. */
  readonly madeFrom: readonly string[];
  /** Makes the tables in the empty database of this name, on connections that it opens and closes. */
  readonly template: (name: string) => unknown;
  /** Which worker this is, from 1. Default: what Vitest, Jest or node:test says, and otherwise 1. */
  readonly worker?: number | undefined;
  /**
   * Whether a database is used again as it was left, by the next file and the next run: for tests that roll back. Default false:
   * each call gets a new copy.
   */
  readonly reuse?: boolean | undefined;
  /** How long to wait for another worker that makes the template, in milliseconds. Default 60000. */
  readonly timeout?: number | undefined;
  /** The client whose server makes them. Default: the default client. */
  readonly clientName?: string | undefined;
}

/** A database of a worker's own. */
export interface TestDatabase {
  /** What it is called on the server. */
  readonly name: string;
  /** The number in its name: that of the worker, or the next one that was free. */
  readonly worker: number;
  /** Drops it, or keeps it with `reuse`, and gives its number back. */
  close(): Promise<void>;
}

const suiteName = /^[a-z][a-z0-9_]{0,23}$/;

const checks: Record<keyof TestDatabasesOptions, Check> = {
  name: (value) =>
    typeof value === 'string' && suiteName.test(value)
      ? undefined
      : 'text of 1 to 24 lower-case letters, digits and underscores that begins with a letter',
  madeFrom: listOf((value) => (typeof value === 'string' ? undefined : 'text'), 100_000, 'a list of texts', 1),
  template: aFunction,
  worker: integer(1, 1_000),
  reuse: aBoolean,
  timeout: milliseconds(1),
  clientName: text(200),
};

/** What workers are numbered by: Vitest, Jest, node:test. */
const workerVariables = ['VITEST_POOL_ID', 'JEST_WORKER_ID', 'NODE_TEST_WORKER_ID'];

const open = sharedByCopies('test-databases', () => new Map<string, Promise<TestDatabase>>());

/**
 * A database for this worker of the test runner, copied from a template that is made once by whichever worker comes first. It is
 * not shared until it is closed, or its process ends. Another call for the same gives the same until then. On MySQL and MariaDB,
 * which copy no databases, the template function runs in each.
 *
 * ```ts
 * import { postgres } from 'sluice/postgres';
 * const shop = await testDatabases(database, {
 *   name: 'shop',
 *   madeFrom: ['create table product (id int primary key)'],
 *   template: async (name) => {
 *     const empty = createDatabase({ clients: { default: postgres({ database: name }) } });
 *     await empty.query('create table product (id int primary key)');
 *     await empty.close();
 *   },
 * });
 * console.log(shop.name); // shop_test_b1946ac92492_1
 * ```
 * It holds one connection of its own, outside of the pool of `database`, which may be closed.
 * @throws InvalidOptionError; ProductionDatabaseError where real data may be; TestDatabaseError for what the server or the template
 * refuses; ConnectError
 */
export async function testDatabases(database: Database, options: TestDatabasesOptions): Promise<TestDatabase> {
  checkDatabase('testDatabases', database);
  const read = readOptions('testDatabases', options, checks, ['name', 'madeFrom', 'template']);
  const { name, template, reuse = false, timeout = 60_000, worker = runnersWorker() } = read;
  const internals = internalsOf(database, 'testDatabases');
  const client = internals.clientNamed(read.clientName ?? internals.defaultClientName);
  if (!hasServer(client.driver.dialect)) throw noServer(client.name);
  const madeFrom = createHash('sha256').update(JSON.stringify(read.madeFrom)).digest('hex').slice(0, 12);
  const prefix = `${name}_test_`;
  const key = JSON.stringify([client.driver.target, prefix, madeFrom, worker]);
  const found = open.get(key);
  if (found !== undefined) return await found;
  const leased = lease({ client, prefix, madeFrom, worker, reuse, timeout, fill: template }).then((one) =>
    untilClosed(one, () => open.delete(key)),
  );
  open.set(key, leased);
  leased.catch(() => open.delete(key));
  return await leased;
}

function untilClosed(leased: Lease, forget: () => void): TestDatabase {
  const { name, worker } = leased;
  const close = (): Promise<void> => {
    forget();
    return leased.close();
  };
  return Object.freeze({ name, worker, close });
}

function runnersWorker(): number {
  const said = workerVariables.map((name) => process.env[name]).find((value) => value !== undefined);
  if (said === undefined) return 1;
  const worker = Number(said);
  checkedArgument('testDatabases', 'worker', worker, integer(1, 1_000));
  return worker;
}

function noServer(clientName: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `testDatabases got a database whose client "${clientName}" has no server that makes databases`,
    remedy: 'Give one on PostgreSQL, MySQL or MariaDB; on SQLite give each worker a file of its own',
  });
}
