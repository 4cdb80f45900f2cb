import { currentFrame } from '../../context/index.ts';
import { type ErrorDetails, InvalidOptionError } from '../../core/index.ts';
import { type Database, internalsOf } from '../../database/index.ts';
import { openTables } from '../interleave/judge/index.ts';
import { refuseProduction } from '../refuse-production.ts';
import { ambientTest } from '../ambient-test.ts';
import { RepeatableSetupError } from './errors.ts';
import { type ProveRepeatableOptions, readProveRepeatable } from './options.ts';
import { Proof, type RepeatableProof } from './proof.ts';
import { Rehearsal } from './rehearsal.ts';

const name = 'proveRepeatable';
const error = (details: ErrorDetails): RepeatableSetupError => new RepeatableSetupError(details);

/**
 * Runs a body as it is, and so that the first COMMIT of each of its transactions with `retry` is refused: the real database rolls
 * back, and the transaction is tried again. What comes of both has to be the same. Nothing else may use the database until it has
 * ended.
 *
 * ```ts
 * await proveRepeatable(database, {
 *   setup: () => database.query('update product set stock = 1 where id = 1'),
 *   body: () => checkout(1),
 * });
 * ```
 * @throws NotRepeatableError with what differs; NothingRepeatedError where no transaction was repeated, or the body does not end;
 *   RepeatableSetupError; InvalidOptionError
 */
export async function proveRepeatable<Given>(
  database: Database,
  options: ProveRepeatableOptions<Given>,
): Promise<RepeatableProof> {
  const internals = internalsOf(database, name);
  const read = readProveRepeatable(options);
  const clients = Object.keys(database.stats().clients).map((each) => internals.clientNamed(each));
  if (currentFrame()?.innermost !== undefined || ambientTest() !== undefined) {
    throw new InvalidOptionError({
      what: 'proveRepeatable was called inside of a transaction, which cannot be repeated apart from that',
      remedy: 'Call it outside of transaction(), rolledBack and rollbackEach',
    });
  }
  if (read.allowProduction !== true) {
    refuseProduction(
      clients.map(({ driver }) => driver.target),
      { name, who: 'the body commits', error },
    );
  }
  if (clients.some(({ pool }) => pool.tap !== undefined)) {
    throw error({
      what: 'proveRepeatable or interleave runs on this database already: another call has not ended, maybe that of a test that its runner gave up at its timeout',
      remedy:
        'Run one after the other, not in the body of the other, await each, and give the test a timeout that is long enough (Vitest: it(name, fn, 120_000))',
    });
  }
  const rehearsal = new Rehearsal();
  const { tables, maxRows = 1_000 } = read;
  // A second call is refused from here on.
  for (const client of clients) {
    client.pool.tap = (connection) => rehearsal.stand(client, connection);
    client.pool.beforeAttempts = (called) => rehearsal.beforeAttempts(called);
  }
  try {
    const opened = await openTables(clients, { tables, maxRows }, { name, each: 'run', otherwise: '', error });
    try {
      return await new Proof(rehearsal, read, { clients, tables: opened.tables }).run();
    } finally {
      await opened.close();
    }
  } finally {
    for (const { pool } of clients) {
      pool.tap = undefined;
      pool.beforeAttempts = undefined;
    }
  }
}
