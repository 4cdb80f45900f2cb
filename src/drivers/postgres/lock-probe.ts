import type { Backend, BlockedBy, LockProbe, LockWait } from '../../driver/index.ts';
import { endClient } from './wire/cancel-and-close.ts';
import { connectToFirst } from './connecting/connect.ts';
import { startedAtColumn } from './connecting/identify.ts';
import { forProbes, type Servers } from './connecting/servers.ts';

/**
 * Walks who blocks whom. A wait for a row shows as a wait for the transaction that locked it, and the
 * first in line holds a lock on the tuple, which tells the table; see "Viewing Locks" and pg_blocking_pids.
 */
const blockersQuery = `
  with recursive blocker (pid, depth) as (
    select unnest(pg_blocking_pids($1)), 1
    union
    select unnest(pg_blocking_pids(blocker.pid)), depth + 1 from blocker where depth < 16
  ), distinct_blocker as (select distinct pid from blocker)
  select pid, ${startedAtColumn} as started_at, state like 'idle in transaction%' as idle,
    (select relation::regclass::text from pg_locks
     where pid = $1 and relation is not null and (not granted or locktype = 'tuple')
     order by granted limit 1) as relation
  from distinct_blocker join pg_stat_activity using (pid)`;

/** All who wait in this database, each with those that it waits for directly. */
const waitsQuery = `
  with waiting as (
    select pid, ${startedAtColumn} as started_at, pg_blocking_pids(pid) as blocked_by
    from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
  )
  select waiting.pid as waiting_pid, waiting.started_at as waiting_started_at, blocker.pid,
    ${startedAtColumn.replace('backend_start', 'blocker.backend_start')} as started_at,
    blocker.state like 'idle in transaction%' as idle,
    (select relation::regclass::text from pg_locks
     where pg_locks.pid = waiting.pid and relation is not null and (not granted or locktype = 'tuple')
     order by granted limit 1) as relation
  from waiting join pg_stat_activity blocker on blocker.pid = any (waiting.blocked_by)
  limit 10000`;

interface WaitRow extends BlockerRow {
  readonly waiting_pid: number;
  readonly waiting_started_at: string | null;
}

interface BlockerRow {
  readonly pid: number;
  readonly started_at: string | null;
  readonly idle: boolean | null;
  readonly relation: string | null;
}

/** Opens a connection of its own for looking at locks, to the server where the client's connections go. */
export async function openLockProbe(servers: Servers, patience: number, signal: AbortSignal): Promise<LockProbe> {
  const { client } = await connectToFirst(forProbes(servers, 'sluice lock probe'), patience, signal);
  return {
    async blockersOf({ id }: Backend): Promise<BlockedBy> {
      const { rows } = await client.query<BlockerRow>(blockersQuery, [id]);
      return {
        blockers: rows.map(({ pid, started_at, idle }) => ({
          backend: { id: pid, startedAt: started_at ?? undefined },
          idle: idle === true,
        })),
        relation: rows[0]?.relation ?? undefined,
      };
    },
    async waits(): Promise<readonly LockWait[]> {
      const { rows } = await client.query<WaitRow>(waitsQuery);
      return rows.map(({ waiting_pid: id, waiting_started_at: startedAt, pid, started_at, idle, relation }) => ({
        waiting: { id, startedAt: startedAt ?? undefined },
        blockers: [{ backend: { id: pid, startedAt: started_at ?? undefined }, idle: idle === true }],
        relation: relation ?? undefined,
      }));
    },
    close: () => endClient(client),
  };
}
