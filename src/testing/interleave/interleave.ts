import { InvalidOptionError } from '../../core/index.ts';
import { type Database, internalsOf } from '../../database/index.ts';
import { currentFrame } from '../../context/index.ts';
import { refuseProduction } from '../refuse-production.ts';
import { ambientTest } from '../ambient-test.ts';
import { InterleaveSetupError } from './errors.ts';
import { type InterleaveOptions, readInterleave } from './options.ts';
import type { InterleaveReport } from './report.ts';
import { tryOrders } from './try-orders.ts';

/**
 * Runs actors at the same time under every order of their statements, on the real database: each statement of theirs stops
 * until it is let through, whatever library sends it. Nothing else may use the database until it has ended.
 *
 * ```ts
 * const report = await interleave(database, {
 *   setup: () => database.query('update product set stock = 1 where id = 1'),
 *   actors: { alice: () => checkout(1), bob: () => checkout(1) },
 *   invariant: async () => {
 *     const { rows } = await database.query('select id from product where stock < 0');
 *     return rows.length === 0;
 *   },
 * });
 * report.assertSerializable();
 * ```
 * @throws InvalidOptionError; InterleaveSetupError; InterleaveActorError
 */
export async function interleave(database: Database, options: InterleaveOptions): Promise<InterleaveReport> {
  const internals = internalsOf(database, 'interleave');
  const read = readInterleave(options);
  const clients = Object.keys(database.stats().clients).map((name) => internals.clientNamed(name));
  if (currentFrame()?.innermost !== undefined || ambientTest() !== undefined) {
    throw new InvalidOptionError({
      what: 'interleave was called inside of a transaction, which hides what its setup writes',
      remedy: 'Call it outside of transaction(), rolledBack and rollbackEach',
    });
  }
  if (read.allowProduction !== true)
    refuseProduction(
      clients.map(({ driver }) => driver.target),
      { name: 'interleave', who: 'actors commit', error: (details) => new InterleaveSetupError(details) },
    );
  for (const { name, pool, driver } of clients) {
    const count = Object.keys(read.actors).length;
    if (driver.openLockProbe === undefined || driver.dialect === 'sqlite')
      throw setupError(`interleave cannot see who waits for whom on the client "${name}"`, 'Use PostgreSQL or MariaDB');
    if (pool.settings.max < count)
      throw setupError(
        `The client "${name}" has ${pool.settings.max === 1 ? '1 connection' : `${pool.settings.max} connections`} for ${count} actors`,
        `Give its pool max: ${count} or more`,
      );
    if (pool.tap !== undefined)
      throw setupError(
        'interleave runs on this database already: another call has not ended, maybe that of a test that its runner gave up at its timeout',
        'Run one after the other, await each, and give the test a timeout above "maxRuntime" (Vitest: it(name, fn, 120_000))',
      );
  }
  return await tryOrders(database, clients, read);
}

function setupError(what: string, remedy: string): InterleaveSetupError {
  return new InterleaveSetupError({ what, remedy });
}
