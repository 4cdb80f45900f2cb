import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import {
  type Backend,
  type CommitResolution,
  type DriverConnection,
  firstWord,
  rememberTexts,
  type TransactionMark,
} from '../../driver/index.ts';
import { connectToFirst } from './connecting/connect.ts';
import { startedAtColumn } from './connecting/identify.ts';
import { forProbes, type Servers } from './connecting/servers.ts';
import { endClient } from './wire/cancel-and-close.ts';

/** The first version whose statistics say when they were lost, as they are in a crash. */
const oldest = 150_000;

/**
 * A run of a server, from its start to its end or its crash: afterwards ids of transactions may be given again.
 */
const runQuery = `select pg_is_in_recovery()::text as standby,
  (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text || ' ' ||
  (extract(epoch from pg_stat_get_bgwriter_stat_reset_time()) * 1000000)::bigint::text as run`;

const asText = { getTypeParser: () => String } as unknown as pg.CustomTypesConfig;

/** The run of the server that a connection leads to; nothing for a standby, and for servers that cannot tell. */
async function runOf(client: pg.Client): Promise<string | undefined> {
  const [version] = (await client.query<{ server_version_num: string }>('show server_version_num')).rows;
  if (Number(version?.server_version_num) < oldest) return undefined;
  const [row] = (await client.query<{ run: string | null; standby: string }>({ text: runQuery, types: asText })).rows;
  return row === undefined || row.standby === 'true' ? undefined : (row.run ?? undefined);
}

/** Behind what begins otherwise a transaction may not have an id yet, or SET would come too late. */
const writing: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'WITH']);
const mayWrite = rememberTexts((text) => ({ is: writing.has(firstWord(text)) }));

const idMark: TransactionMark = {
  statement: { text: 'select pg_current_xact_id_if_assigned()::text as id' },
  isRow: false,
  nameIn({ rows: [row] }) {
    const id = row?.['id'];
    return typeof id === 'string' ? id : undefined;
  },
};

/** How long a backend may be busy with a COMMIT before it is ended, in milliseconds: either way the outcome is known then. */
const patience = 1_000;
const [betweenLooks, betweenAttempts] = [20, 200];

/** What the driver knows of the connections that transactions can be marked on. */
export class CommitProbe implements CommitResolution {
  readonly #servers: Servers;
  readonly #acquireTimeout: number;
  readonly #runs = new WeakMap<DriverConnection, string>();

  constructor(servers: Servers, acquireTimeout: number) {
    this.#servers = forProbes(servers, 'sluice commit probe');
    this.#acquireTimeout = acquireTimeout;
  }

  /** A connection was opened. */
  async opened(connection: DriverConnection, client: pg.Client): Promise<void> {
    const run = await runOf(client);
    if (run !== undefined) this.#runs.set(connection, run);
  }

  marks(connection: DriverConnection, text: string): boolean {
    return this.#runs.has(connection) && mayWrite(text).is;
  }

  mark(): TransactionMark {
    return idMark;
  }

  async resolve(
    mark: string,
    connection: DriverConnection,
    signal: AbortSignal,
  ): ReturnType<CommitResolution['resolve']> {
    const run = this.#runs.get(connection);
    while (!signal.aborted) {
      try {
        return await this.#ask(mark, connection.backend, run, signal);
      } catch {
        // The server is on its way back, or another one is to take over.
        await delay(betweenAttempts, undefined, { signal });
      }
    }
    return undefined;
  }

  async #ask(
    mark: string,
    backend: Backend,
    run: string | undefined,
    signal: AbortSignal,
  ): ReturnType<CommitResolution['resolve']> {
    const { client } = await connectToFirst(this.#servers, this.#acquireTimeout, signal);
    client.on('error', () => {});
    const end = (): void => void endClient(client).catch(() => {});
    signal.addEventListener('abort', end, { once: true });
    try {
      if ((await runOf(client)) !== run) return undefined;
      return await outcomeOf(client, mark, backend, signal);
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  }
}

async function outcomeOf(
  client: pg.Client,
  mark: string,
  { id, startedAt }: Backend,
  signal: AbortSignal,
): ReturnType<CommitResolution['resolve']> {
  const asked = performance.now();
  for (;;) {
    const { rows } = await client.query<{ status: string | null }>('select pg_xact_status($1::text::xid8) as status', [
      mark,
    ]);
    const status = rows[0]?.status;
    if (status === 'committed') return 'committed';
    if (status === 'aborted') return 'rolledBack';
    if (status !== 'in progress') return undefined;
    if (performance.now() - asked > patience) {
      await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and ${startedAtColumn} = $2`,
        [id, startedAt],
      );
    }
    await delay(betweenLooks, undefined, { signal });
  }
}
