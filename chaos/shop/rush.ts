import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/index.ts';
import { SluiceError } from '../../src/index.ts';
import { budget, type EngineName } from '../settings.ts';

/** Errors that say that who holds connections waits for one which nobody can give. */
const shortages: ReadonlySet<string> = new Set(['ACQUIRE_TIMEOUT', 'POOL_DEADLOCK']);

/** Twice as many transactions as there are connections, each with another one inside: they come to their end. */
export async function rush(database: Database<'default'>, engine: EngineName): Promise<readonly string[]> {
  // There one writer at a time is all that there is.
  if (engine === 'sqlite') return [];
  const look = (): Promise<unknown> => database.query('select id from product where id = 1');
  const nested = (): Promise<unknown> =>
    database.transaction(async () => {
      await look();
      // Until all that can have begun.
      await delay(200);
      await database.transaction(look, { propagation: 'REQUIRES_NEW' });
    });
  const ended = await Promise.allSettled(Array.from({ length: 2 * budget }, nested));
  const codes = ended.flatMap((each) =>
    each.status === 'rejected' ? [SluiceError.find(each.reason)?.code ?? ''] : [],
  );
  const stuck = codes.filter((code) => shortages.has(code));
  // On a machine that has much else to do, a few may wait too long; of those that wait for each other, most do.
  if (stuck.length <= ended.length / 2) return [];
  return [`${stuck.length} of ${ended.length} transactions with another one inside got no connection: ${stuck[0]}`];
}
