import pg from 'pg';
import type { Backend, BlockedBy, LockProbe } from '../../driver/index.ts';
import { endClient } from './cancel.ts';
import { internalsOf } from './pg-types.ts';

/** When a backend was started, to the microsecond; `extract` is exact since PostgreSQL 14. */
const startedAtColumn = `(extract(epoch from backend_start) * 1000000)::bigint::text`;

/**
 * Reads who this connection is on the server. The id in its key data is made up by poolers in
 * transaction mode, behind which backends change from one transaction to the next.
 */
const identityQuery = `select pid, ${startedAtColumn} as started_at from pg_stat_get_activity(pg_backend_pid())`;

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

interface BlockerRow {
  readonly pid: number;
  readonly started_at: string | null;
  readonly idle: boolean | null;
  readonly relation: string | null;
}

/** Opens a connection of its own for looking at locks. */
export async function openLockProbe(config: pg.ClientConfig, signal: AbortSignal): Promise<LockProbe> {
  signal.throwIfAborted();
  const client = new pg.Client({ ...config, types: undefined, application_name: 'sluice lock probe' });
  // A lost connection shows in the next question.
  client.on('error', () => {});
  const onAbort = (): void => void internalsOf(client).connection.stream.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await client.connect();
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
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
    close: () => endClient(client),
  };
}

/** The program's own type parsers have no say in what is asked here. */
const asText = { getTypeParser: () => String } as unknown as pg.CustomTypesConfig;

/** Who a connection is on the server; without a start time where that cannot be known, and locks cannot be followed. */
export async function identify(client: pg.Client): Promise<Backend> {
  const { processID } = internalsOf(client);
  const { rows } = await client.query<{ pid: string; started_at: string | null }>({
    text: identityQuery,
    types: asText,
  });
  const [row] = rows;
  const startedAt = row !== undefined && Number(row.pid) === processID ? row.started_at : null;
  return { id: processID, startedAt: startedAt ?? undefined };
}
