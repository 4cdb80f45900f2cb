import { setTimeout } from 'node:timers/promises';
import mysql, { type Connection as Mysql2Connection } from 'mysql2';
import type { Backend, BlockedBy, LockProbe, LockWait } from '../../driver/index.ts';
import { endClient } from './connecting/cancel-and-close.ts';
import { type CurrentSettings, unlessAborted } from './connecting/login.ts';
import { checkVersion } from './connecting/server-info.ts';

/** Who waits for whom; needs the privilege PROCESS. */
const waits = {
  MariaDB: `select waiting.trx_mysql_thread_id as waiting, blocking.trx_mysql_thread_id as blocking, locks.lock_table as relation
    from information_schema.innodb_lock_waits w
    join information_schema.innodb_trx waiting on waiting.trx_id = w.requesting_trx_id
    join information_schema.innodb_trx blocking on blocking.trx_id = w.blocking_trx_id
    left join information_schema.innodb_locks locks on locks.lock_id = w.requested_lock_id`,
  MySQL: `select waiting.processlist_id as waiting, blocking.processlist_id as blocking,
      concat(locks.object_schema, '.', locks.object_name) as relation
    from performance_schema.data_lock_waits w
    join performance_schema.threads waiting on waiting.thread_id = w.requesting_thread_id
    join performance_schema.threads blocking on blocking.thread_id = w.blocking_thread_id
    left join performance_schema.data_locks locks on locks.engine_lock_id = w.requesting_engine_lock_id`,
} as const;

/**
 * InnoDB of MariaDB refreshes these tables only once they have not been read for 100 ms, so they are read no more
 * often; requests in between share a read. In milliseconds.
 */
const refreshedAfter = 110;
/**
 * Two that look all the time keep each other from what is new. Each that sees nothing new waits longer the next time, by chance
 * and up to so many milliseconds for each such look, at most five times that.
 */
const longerBy = 40;

const identity = `select @@hostname as host, @@port as port`;
const sleeping = `select id from information_schema.processlist where command = 'Sleep'`;

interface Wait {
  readonly waiting: number;
  readonly blocking: number;
  readonly relation: string | null;
}

/** Opens a connection of its own for looking at locks. */
export async function openLockProbe(current: CurrentSettings, signal: AbortSignal): Promise<LockProbe> {
  signal.throwIfAborted();
  const client = mysql.createConnection(await unlessAborted(current(), signal));
  // A lost connection shows in the next question.
  client.on('error', () => {});
  const onAbort = (): void => client.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  let startedAt: string;
  try {
    const [row] = await unlessAborted(ask<{ host: string; port: number }>(client, identity), signal);
    startedAt = `${row?.host}:${row?.port}`;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  const question = waits[checkVersion(client).isMariaDb ? 'MariaDB' : 'MySQL'];
  let answered: Promise<number> = Promise.resolve(0);
  let looking: Promise<readonly Wait[]> | undefined;
  let seen = '';
  let looksInVain = 0;
  const look = async (): Promise<readonly Wait[]> => {
    // From the answer on: the server counts from the end of its last read.
    const longer = Math.random() * longerBy * Math.min(looksInVain, 5);
    await setTimeout(Math.max(0, (await answered) + refreshedAfter + longer - performance.now()));
    looking = undefined;
    const asked = ask<Wait>(client, question);
    answered = asked.then(
      () => performance.now(),
      () => performance.now(),
    );
    const all = await asked;
    const now = JSON.stringify(all);
    looksInVain = now === seen ? looksInVain + 1 : 0;
    seen = now;
    return all;
  };
  return {
    async blockersOf({ id }: Backend): Promise<BlockedBy> {
      const all = await (looking ??= look());
      const ids = blockersAmong(all, id);
      if (ids.size === 0) return { blockers: [], relation: undefined };
      const idle = new Set((await ask<{ id: number }>(client, sleeping)).map((row) => row.id));
      const relation = all.find(({ waiting }) => waiting === id)?.relation ?? undefined;
      return {
        blockers: [...ids].map((blocker) => ({ backend: { id: blocker, startedAt }, idle: idle.has(blocker) })),
        relation: relation?.replaceAll('`', ''),
      };
    },
    async waits(): Promise<readonly LockWait[]> {
      const all = await (looking ??= look());
      if (all.length === 0) return [];
      const idle = new Set((await ask<{ id: number }>(client, sleeping)).map((row) => row.id));
      return all.map(({ waiting, blocking, relation }) => ({
        waiting: { id: waiting, startedAt },
        blockers: [{ backend: { id: blocking, startedAt }, idle: idle.has(blocking) }],
        relation: relation?.replaceAll('`', '') ?? undefined,
      }));
    },
    close: () => endClient(client),
  };
}

/** Those that `id` waits for, directly or through others. */
function blockersAmong(all: readonly Wait[], id: number): ReadonlySet<number> {
  const found = new Set<number>();
  const toVisit = [id];
  for (let at = toVisit.pop(); at !== undefined; at = toVisit.pop()) {
    for (const { waiting, blocking } of all) {
      if (waiting !== at || found.has(blocking)) continue;
      found.add(blocking);
      toVisit.push(blocking);
    }
  }
  return found;
}

function ask<Row>(client: Mysql2Connection, text: string): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    client.query(text, (error, rows) => (error === null ? resolve(rows as unknown as readonly Row[]) : reject(error)));
  });
}
