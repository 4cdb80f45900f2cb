import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { runUnwatched } from '../../core/index.ts';
import {
  type Backend,
  type CommitResolution,
  type DriverConnection,
  firstWord,
  rememberTexts,
  type TransactionMark,
} from '../../driver/index.ts';
import { cleaning, refusedMark, rowIn, rowMark } from './commit-table.ts';
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
const writingWord = /\b(?:insert|update|delete|merge)\b/i;
/** Not those that only read: where no rows may be written, a mark would have them fail. */
const writes = rememberTexts((text) => ({ is: mayWrite(text).is && writingWord.test(text) }));

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
const [betweenCleanings, cleaningLimit] = [60_000, 10_000];

/** What the driver knows of the connections that transactions can be marked on. */
export class CommitProbe implements CommitResolution {
  readonly #servers: Servers;
  readonly #acquireTimeout: number;
  readonly #runs = new WeakMap<DriverConnection, string>();
  /** Whether what goes with its COMMIT is marked, too: by a row. */
  readonly marksAlone: boolean;
  #cleanedAt = -Infinity;

  constructor(servers: Servers, acquireTimeout: number, marksAlone: boolean) {
    this.marksAlone = marksAlone;
    this.#servers = forProbes(servers, 'sluice commit probe');
    this.#acquireTimeout = acquireTimeout;
  }

  /** A connection was opened. */
  async opened(connection: DriverConnection, client: pg.Client): Promise<void> {
    const run = await runOf(client);
    if (run !== undefined) this.#runs.set(connection, run);
  }

  marks(connection: DriverConnection, text: string, isLast: boolean): boolean {
    return this.#runs.has(connection) && (isLast ? writes(text) : mayWrite(text)).is;
  }

  mark(_connection: DriverConnection, isLast: boolean): TransactionMark | undefined {
    if (!isLast) return idMark;
    if (!this.marksAlone) return undefined;
    this.#cleanSometimes();
    return rowMark();
  }

  async resolve(
    mark: string,
    connection: DriverConnection,
    signal: AbortSignal,
  ): ReturnType<CommitResolution['resolve']> {
    const run = this.#runs.get(connection);
    while (!signal.aborted) {
      try {
        return await this.#aside(signal, (client) => ask(client, mark, connection.backend, run, signal));
      } catch (error) {
        const refusal = refusedMark(error, undefined);
        if (refusal !== undefined) throw refusal;
        // The server is on its way back, or another one is to take over.
        await delay(betweenAttempts, undefined, { signal });
      }
    }
    return undefined;
  }

  /** Deletes old marks, now and then, without anyone waiting for it. */
  #cleanSometimes(): void {
    const now = performance.now();
    if (now - this.#cleanedAt < betweenCleanings) return;
    this.#cleanedAt = now;
    // What fails, or is not done in time, is the next one's.
    this.#aside(AbortSignal.timeout(cleaningLimit), clean).catch(() => {});
  }

  /** Does something on a connection outside of the budget. */
  async #aside<Result>(signal: AbortSignal, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    // A transaction around the one that is looked up does not wait for a foreign server.
    return await runUnwatched(async () => {
      const { client } = await connectToFirst(this.#servers, this.#acquireTimeout, signal);
      client.on('error', () => {});
      const end = (): void => void endClient(client).catch(() => {});
      signal.addEventListener('abort', end, { once: true });
      try {
        return await work(client);
      } finally {
        signal.removeEventListener('abort', end);
        end();
      }
    });
  }
}

async function clean(client: pg.Client): Promise<void> {
  while ((await client.query(cleaning)).rowCount !== 0);
}

async function ask(
  client: pg.Client,
  mark: string,
  backend: Backend,
  run: string | undefined,
  signal: AbortSignal,
): ReturnType<CommitResolution['resolve']> {
  const isSame = (await runOf(client)) === run;
  const row = rowIn(mark);
  if (row !== undefined) return await outcomeByRow(client, row, { backend, isSame }, signal);
  return isSame ? await outcomeOf(client, mark, backend, signal) : undefined;
}

/**
 * A row is proof, wherever it is. That there is none is proof on the server alone that would have it, once the backend is gone: it
 * may have what was sent still to read.
 */
async function outcomeByRow(
  client: pg.Client,
  row: string,
  { backend: { id, startedAt }, isSame }: { readonly backend: Backend; readonly isSame: boolean },
  signal: AbortSignal,
): ReturnType<CommitResolution['resolve']> {
  const asked = performance.now();
  const from = 'from pg_stat_activity where pid = $1';
  // A role that may not see it knows its pid alone.
  const here = `select 1 ${from} and (backend_start is null or ${startedAtColumn} = $2)`;
  for (;;) {
    const isGone = (await client.query(here, [id, startedAt])).rowCount === 0;
    if ((await client.query('select 1 from sluice_commit where id = $1', [row])).rowCount === 1) return 'committed';
    if (!isSame) return undefined;
    if (isGone) return 'rolledBack';
    if (performance.now() - asked > patience)
      await client.query(`select pg_terminate_backend(pid) ${from} and ${startedAtColumn} = $2`, [id, startedAt]);
    await delay(betweenLooks, undefined, { signal });
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
