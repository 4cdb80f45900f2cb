import type pg from 'pg';
import type { Backend } from '../../../driver/index.ts';
import { internalsOf } from '../wire/pg-types.ts';

/** When a backend was started, to the microsecond; `extract` is exact since PostgreSQL 14. */
export const startedAtColumn = `(extract(epoch from backend_start) * 1000000)::bigint::text`;

/**
 * Reads who this connection is on the server. The id in its key data is made up by poolers in
 * transaction mode, behind which backends change from one transaction to the next.
 */
const question = `select pid, ${startedAtColumn} as started_at,
    current_setting('transaction_read_only') as read_only, pg_is_in_recovery()::text as in_recovery
  from pg_stat_get_activity(pg_backend_pid())`;

interface Answer {
  readonly pid: string;
  readonly started_at: string | null;
  readonly read_only: string;
  readonly in_recovery: string;
}

/** What a session is on its server. */
export interface SessionFacts {
  /** Without a start time where that cannot be known, and locks cannot be followed. */
  readonly backend: Backend;
  /** Whether its transactions are read-only unless they say otherwise. */
  readonly isReadOnly: boolean;
  /** Whether the server follows another one. */
  readonly isStandby: boolean;
}

/** The program's own type parsers have no say in what is asked here. */
const asText = { getTypeParser: () => String } as unknown as pg.CustomTypesConfig;

export async function identify(client: pg.Client): Promise<SessionFacts> {
  const { processID } = internalsOf(client);
  const [row] = (await client.query<Answer>({ text: question, types: asText })).rows;
  const startedAt = row !== undefined && Number(row.pid) === processID ? row.started_at : null;
  return {
    backend: { id: processID, startedAt: startedAt ?? undefined },
    isReadOnly: row?.read_only === 'on',
    isStandby: row?.in_recovery === 'true',
  };
}

/** Whether the server behind the connection may be another one from one transaction to the next. */
export function isHidden({ startedAt }: Backend): boolean {
  return startedAt === undefined;
}
