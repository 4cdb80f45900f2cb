import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import mysql, { type Connection as Mysql2Connection } from 'mysql2';
import { fieldOf, runUnwatched } from '../../core/index.ts';
import {
  type CommitResolution,
  type DriverConnection,
  firstWord,
  rememberTexts,
  type TransactionMark,
} from '../../driver/index.ts';
import { commitTable, refusedMark } from './commit-table.ts';
import { endClient } from './connecting/cancel-and-close.ts';
import { type CurrentSettings, unlessAborted } from './connecting/login.ts';
import { checkVersion, send } from './connecting/server-info.ts';
import { markStatement } from './sql/commit-mark.ts';

const writing: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE']);
const writingWord = /\b(?:update|delete|insert|replace)\b/i;
/** Not those that only read: where the server takes no writes, a mark would have them fail. */
const mayWrite = rememberTexts((text) => {
  const word = firstWord(text);
  return { is: writing.has(word) || (word === 'WITH' && writingWord.test(text)) };
});

const lockWaitTimeout = 1205;
const betweenAttempts = 200;
/** How old a mark may be that was found nowhere, in milliseconds: long before it is cleaned. */
const longest = 1_800_000;
/** In seconds. */
const keptFor = 3_600;
/** In milliseconds. */
const [betweenCleanings, cleaningLimit] = [60_000, 10_000];
/** In rows, of one statement. */
const cleanedAtOnce = 1_000;

/** A connection on which transactions can be marked. */
interface Marked {
  readonly table: string;
  /** The server that it leads to, from its start to its end. */
  readonly run: string;
}

/** Without this a probe would lock gaps, in which others write their marks. The wait for a lock is in seconds. */
const probeSession = [
  'SET SESSION autocommit = 1, innodb_lock_wait_timeout = 1',
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

/** Finds out how a transaction has ended: by a row that it has written. */
export class CommitProbe implements CommitResolution {
  readonly #current: CurrentSettings;
  readonly #known = new WeakMap<DriverConnection, Marked>();
  #cleanedAt = -Infinity;

  constructor(current: CurrentSettings) {
    this.#current = current;
  }

  /** A connection was opened. Behind a proxy that spreads statements over servers nothing is known of those. */
  async opened(connection: DriverConnection, client: Mysql2Connection, signal: AbortSignal): Promise<void> {
    if (connection.backend.startedAt === undefined) return;
    const known = await unlessAborted(lookAt(client), signal);
    await unlessAborted(send(client, 'COMMIT'), signal);
    if (known !== undefined) this.#known.set(connection, known);
  }

  marks(connection: DriverConnection, text: string): boolean {
    return this.#known.has(connection) && mayWrite(text).is;
  }

  mark(connection: DriverConnection): TransactionMark {
    const id = randomBytes(16).toString('hex');
    const table = this.#known.get(connection)?.table ?? commitTable(null);
    this.#cleanSometimes(table);
    const name = `${id} ${Date.now()}`;
    return { statement: markStatement(table, id), isRow: true, nameIn: () => name, refused: refusedMark };
  }

  async resolve(
    mark: string,
    connection: DriverConnection,
    signal: AbortSignal,
  ): ReturnType<CommitResolution['resolve']> {
    const known = this.#known.get(connection);
    while (known !== undefined && !signal.aborted) {
      try {
        return await this.#aside(signal, (client) => outcomeOf(client, mark, known, connection.backend.id, signal));
      } catch (error) {
        const refusal = refusedMark(error, undefined);
        if (refusal !== undefined) throw refusal;
        // The server is on its way back, or another one is to take over.
        await delay(betweenAttempts, undefined, { signal });
      }
    }
    return undefined;
  }

  /** Does something on a connection outside of the budget. */
  async #aside<Result>(signal: AbortSignal, work: (client: Mysql2Connection) => Promise<Result>): Promise<Result> {
    return await runUnwatched(async () => {
      const client = mysql.createConnection(await unlessAborted(this.#current(), signal));
      client.on('error', () => {});
      const onAbort = (): void => client.destroy();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        for (const text of probeSession) await unlessAborted(send(client, text), signal);
        return await unlessAborted(work(client), signal);
      } finally {
        signal.removeEventListener('abort', onAbort);
        if (!signal.aborted) void endClient(client);
      }
    });
  }

  /** Deletes old marks, now and then, without anyone waiting for it. */
  #cleanSometimes(table: string): void {
    const now = performance.now();
    if (now - this.#cleanedAt < betweenCleanings) return;
    this.#cleanedAt = now;
    const text = `DELETE FROM ${table} WHERE at < UNIX_TIMESTAMP() - ${keptFor} LIMIT ${cleanedAtOnce}`;
    const clean = async (client: Mysql2Connection): Promise<void> => {
      while (Number(fieldOf(await send(client, text), 'affectedRows')) === cleanedAtOnce);
    };
    // What fails, or is not done in time, is the next one's.
    this.#aside(AbortSignal.timeout(cleaningLimit), clean).catch(() => {});
  }
}

/** Where marks go on a connection, and whose they are; nothing for a server that does not say since when it runs. */
async function lookAt(client: Mysql2Connection): Promise<Marked | undefined> {
  const { isMariaDb } = checkVersion(client);
  const [schema, id] = isMariaDb ? ['information_schema', '@@server_id'] : ['performance_schema', '@@server_uuid'];
  const [row] = (await send(
    client,
    `SELECT DATABASE() AS name, CONCAT_WS(' ', @@hostname, @@port, ${id}) AS server,
      CAST(UNIX_TIMESTAMP() - variable_value AS CHAR) AS started
      FROM ${schema}.global_status WHERE variable_name = 'Uptime'`,
  )) as readonly { readonly name: string | null; readonly server: string; readonly started: string | null }[];
  if (row === undefined || row.started === null) return undefined;
  return { table: commitTable(row.name), run: `${row.server} ${row.started}` };
}

/**
 * Waits for a transaction that has not ended, since it holds its row; one whose connection the server has not given up after a
 * while is ended. A row is proof, wherever it is; that there is none is proof on the server alone that would have it.
 */
async function outcomeOf(
  client: Mysql2Connection,
  mark: string,
  { table, run }: Marked,
  backend: number,
  signal: AbortSignal,
): ReturnType<CommitResolution['resolve']> {
  const [id, markedAt] = mark.split(' ');
  const isSame = (await lookAt(client))?.run === run;
  while (!signal.aborted) {
    try {
      const rows = await send(client, `SELECT 1 FROM ${table} WHERE id = x'${id}' LOCK IN SHARE MODE`);
      if ((rows as readonly unknown[]).length > 0) return 'committed';
      const age = Date.now() - Number(markedAt);
      return isSame && age >= 0 && age < longest ? 'rolledBack' : undefined;
    } catch (error) {
      if (fieldOf(error, 'errno') !== lockWaitTimeout) throw error;
      // It may have ended by now.
      if (isSame) await send(client, `KILL ${backend}`).catch(() => {});
    }
  }
  return undefined;
}
