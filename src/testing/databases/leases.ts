import { openConnection } from '../../pool/index.ts';
import type { TransactionalClient } from '../../connection/index.ts';
import { TestDatabaseError } from './errors.ts';
import { refuseProduction, refuseProductionProcess } from './production.ts';
import type { DatabaseServer, Templates } from './server.ts';
import { mysqlServer } from './mysql-server.ts';
import { postgresServer } from './postgres-server.ts';

/** What databases are wanted. */
export interface Wanted {
  readonly client: TransactionalClient;
  /** What their names begin with: the name of the suite. */
  readonly prefix: string;
  /** A hash of what the template is made from. */
  readonly madeFrom: string;
  /** The number that is tried first. */
  readonly worker: number;
  readonly reuse: boolean;
  readonly timeout: number;
  readonly fill: (name: string) => unknown;
}

/** A database that nothing else uses until it is given back. */
export interface Lease {
  readonly name: string;
  readonly worker: number;
  close(): Promise<void>;
}

/** How many numbers are tried: as many workers may run at once. */
const most = 256;
/** How long a server may take to open the connection, in milliseconds. */
const patience = 30_000;

const servers: Readonly<Record<'postgres' | 'mysql', typeof postgresServer>> = {
  postgres: postgresServer,
  mysql: mysqlServer,
};

/** Whether its databases can be made. */
export function hasServer(dialect: string): dialect is keyof typeof servers {
  return Object.hasOwn(servers, dialect);
}

/** Takes the first number that is free from the worker's on, on a connection whose end, however it comes, gives it back. */
export async function lease(wanted: Wanted): Promise<Lease> {
  const { driver, name: clientName, clock } = wanted.client;
  if (!hasServer(driver.dialect)) throw new TypeError(driver.dialect);
  refuseProductionProcess(driver);
  const { signal } = new AbortController();
  const connection = await openConnection({ driver, clientName, clock, acquireTimeout: patience, signal });
  try {
    const server = servers[driver.dialect](driver, connection);
    await refuseProduction(driver, server);
    const worker = await takeNumber(server, wanted);
    const name = databaseOf(wanted, worker);
    if (!wanted.reuse || !(await server.isComplete(name, wanted.madeFrom))) await make(server, wanted, name);
    const end = async (): Promise<void> => {
      try {
        if (!wanted.reuse) await server.drop(name);
      } finally {
        await connection.close();
      }
    };
    let ended: Promise<void> | undefined;
    return { name, worker, close: () => (ended ??= end()) };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function databaseOf({ prefix, madeFrom }: Wanted, what: string | number): string {
  return `${prefix}${madeFrom}_${what}`;
}

async function takeNumber(server: DatabaseServer, wanted: Wanted): Promise<number> {
  for (let number = wanted.worker; number < wanted.worker + most; number += 1) {
    if (await server.tryLock(databaseOf(wanted, number))) return number;
  }
  throw new TestDatabaseError({
    what: `${most} databases for tests are in use, from "${databaseOf(wanted, wanted.worker)}" on`,
    remedy: 'Close each of them when its tests have ended: afterAll(() => shop.close())',
  });
}

async function make(server: DatabaseServer, wanted: Wanted, name: string): Promise<void> {
  await server.drop(name);
  if (server.templates !== undefined) return await copy(server, server.templates, wanted, name);
  // Where nothing can be copied the template function runs in each.
  await server.create(name);
  await fill(server, wanted, name);
  await server.markComplete?.(name, wanted.madeFrom);
  await sweep(server, wanted);
}

async function copy(server: DatabaseServer, templates: Templates, wanted: Wanted, name: string): Promise<void> {
  const template = databaseOf(wanted, 'template');
  // Between the making and the copying a suite of other migrations may have dropped it.
  for (;;) {
    if (!(await templates.lockToCopy(template, wanted.timeout))) throw tooLong(template, wanted.timeout);
    try {
      if (await server.isComplete(template, wanted.madeFrom)) return await templates.copy(template, name);
    } finally {
      await templates.unlockCopied(template);
    }
    await makeTemplate(server, templates, wanted, template);
  }
}

async function makeTemplate(
  server: DatabaseServer,
  templates: Templates,
  wanted: Wanted,
  template: string,
): Promise<void> {
  if (!(await templates.lock(template, wanted.timeout))) throw tooLong(template, wanted.timeout);
  try {
    if (await server.isComplete(template, wanted.madeFrom)) return;
    const made = databaseOf(wanted, 'making');
    await server.drop(made);
    await server.create(made);
    await fill(server, wanted, made);
    await seal(server, templates, made, template);
    await sweep(server, wanted);
  } finally {
    await server.unlock(template);
  }
}

async function fill(server: DatabaseServer, wanted: Wanted, name: string): Promise<void> {
  try {
    await wanted.fill(name);
  } catch (cause) {
    await server.drop(name);
    throw new TestDatabaseError({
      what: `The template "${name}" could not be made: its function has failed`,
      remedy: 'See the cause; nothing of the template is left',
      cause,
    });
  }
}

async function seal(server: DatabaseServer, templates: Templates, made: string, template: string): Promise<void> {
  try {
    await templates.seal(made, template);
  } catch (cause) {
    await server.drop(made);
    throw new TestDatabaseError({
      what: `The template "${made}" could not be sealed`,
      remedy: 'Close every connection that the template function has opened, before it returns',
      cause,
    });
  }
}

/** Drops what was made from something else, once nothing uses it any longer. */
async function sweep(server: DatabaseServer, { prefix, madeFrom }: Wanted): Promise<void> {
  for (const name of await server.list(prefix)) {
    const found = ownName.exec(name.slice(prefix.length));
    if (found === null || found[1] === madeFrom) continue;
    // Who makes a template holds its lock while it still has another name.
    const lock = name.replace(/making$/, 'template');
    if (!(await server.tryLock(lock))) continue;
    try {
      await server.drop(name);
    } finally {
      await server.unlock(lock);
    }
  }
}

const ownName = /^([0-9a-f]{12})_(?:\d{1,4}|template|making)$/;

function tooLong(template: string, timeout: number): TestDatabaseError {
  return new TestDatabaseError({
    what: `Another worker was still making the template "${template}" after ${timeout} ms`,
    remedy: 'See what its function waits for, or give more time: testDatabases(database, { timeout })',
  });
}
