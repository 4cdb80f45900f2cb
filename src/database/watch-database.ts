import { PhysicalTransaction } from '../connection/index.ts';
import { systemClock } from '../core/index.ts';
import { type ForeignWaits, watchForeignWaits } from '../foreign-waits/index.ts';
import { IdleWatch } from '../observation/index.ts';
import type { Client } from './client.ts';
import type { DatabaseOptions } from './options.ts';

/** Names what transactions of a database should not do, as its options say. @returns ends that */
export function watchDatabase(
  database: object,
  clients: readonly Client[],
  { foreignWaits = byDefault(), idleWarning = 0, clock = systemClock }: Partial<DatabaseOptions>,
): () => void {
  const ends: (() => void)[] = [];
  if (foreignWaits !== 'off') {
    ends.push(watchForeignWaits(database, { mode: foreignWaits, end: endFromOutside }));
  }
  if (idleWarning > 0) {
    const watch = new IdleWatch(
      clients.map(({ work }) => work),
      idleWarning,
      clock,
    );
    ends.push(() => watch.end());
  }
  return () => {
    for (const end of ends) end();
  };
}

function endFromOutside(transaction: object, reason: unknown): void {
  if (transaction instanceof PhysicalTransaction) transaction.cancellation.request(reason);
}

function byDefault(): ForeignWaits {
  return process.env['NODE_ENV'] === 'production' ? 'off' : 'warn';
}
