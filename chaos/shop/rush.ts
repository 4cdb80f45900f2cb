import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/index.ts';
import { SluiceError } from '../../src/index.ts';
import { budget, type EngineName, max } from '../settings.ts';

/** Errors that say that who holds connections waits for one which nobody can give. */
const shortages: ReadonlySet<string> = new Set(['ACQUIRE_TIMEOUT', 'POOL_DEADLOCK']);
const onItself = {
  postgres: 'select pg_terminate_backend(pg_backend_pid())',
  mariadb: 'kill connection_id()',
} as const;

/** From this level on what is open would take every connection, if some were not kept for deeper levels. */
const deep = 2;

/** More transactions at once than there are connections come to their end. */
export async function rush(database: Database<'default'>, engine: EngineName): Promise<readonly string[]> {
  // There one writer at a time is all that there is.
  if (engine === 'sqlite') return [];
  const look = (): Promise<unknown> => database.query('select id from product where id = 1');
  let highest = 0;
  const descend = async (level: number): Promise<void> => {
    await look();
    const { used, idle } = database.stats().clients.default;
    highest = Math.max(highest, used + idle);
    // Until all that can have begun.
    if (level === 0) await delay(200);
    if (level === deep) return;
    await database.transaction(() => descend(level + 1), { propagation: 'REQUIRES_NEW' });
  };
  const breakDown = async (): Promise<void> => {
    await look();
    await database.query(onItself[engine]);
  };
  const found = [
    ...(await begin(max + 2, 'with others inside', () => database.transaction(() => descend(0)))),
    // Each of them makes room for one that waits.
    ...(await begin(3 * max, 'whose connection is lost', () => database.transaction(breakDown))),
  ];
  if (highest > budget) found.push(`a pool has had ${highest} connections, and its budget is ${budget}`);
  return found;
}

/** @returns what is wrong: on a machine that has much else to do a few may wait too long; of those that wait for each other, most do */
async function begin(length: number, what: string, work: () => Promise<unknown>): Promise<readonly string[]> {
  const ended = await Promise.allSettled(Array.from({ length }, work));
  const codes = ended.flatMap((each) =>
    each.status === 'rejected' ? [SluiceError.find(each.reason)?.code ?? ''] : [],
  );
  const stuck = codes.filter((code) => shortages.has(code));
  if (stuck.length <= ended.length / 2) return [];
  return [`${stuck.length} of ${ended.length} transactions ${what} got no connection: ${stuck[0]}`];
}
