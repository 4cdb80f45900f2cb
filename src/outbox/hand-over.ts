import { DeliverTrace, deliverTrace, isWatched, reportBackgroundError } from '../channels/index.ts';
import { currentFrame, runInFrame } from '../context/index.ts';
import { describeThrown, isError, isInstance, storable } from '../core/index.ts';
import type { Db, QueryOptions } from '../database/index.ts';
import type { OutboxDialect, OutboxRow, Statement } from '../driver/index.ts';
import { RelayUnavailableError } from './errors.ts';
import type { UndeliveredMessage } from './message.ts';
import type { RelaySettings } from './options.ts';
import { readRow, tracesOf } from './outbox-row.ts';

/** The longest pause before a message that failed is tried again. */
const longestPause = 60_000;
/** The longest text of an error that is kept with a message. */
const longestError = 2_000;

/** Hands messages over that a relay has claimed, and notes what becomes of them, in its transaction. */
export class HandOver {
  readonly #db: Db;
  readonly #sql: OutboxDialect;
  readonly #settings: RelaySettings;
  readonly #stop: AbortSignal;

  /** @param stop aborts when `deliver` is no longer waited for */
  constructor(db: Db, sql: OutboxDialect, settings: RelaySettings, stop: AbortSignal) {
    this.#db = db;
    this.#sql = sql;
    this.#settings = settings;
    this.#stop = stop;
  }

  /**
   * Those that failed are noted, and those that were not tried are given back.
   * @returns those that were handed over, which are to be removed
   * @throws RelayUnavailableError where the other side is away, and none was
   */
  async run(rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    let undelivered: readonly UndeliveredMessage[];
    try {
      undelivered = await this.#deliver(rows);
    } catch (error) {
      if (!isUnavailable(error)) return await this.#runSingly(rows);
      await this.#giveBack(rows);
      throw error;
    }
    return undelivered.length === 0 ? rows : await this.#note(undelivered, rows);
  }

  /** Deletes those that were handed over. */
  async remove(rows: readonly OutboxRow[], options?: QueryOptions): Promise<void> {
    if (rows.length > 0) await this.#query(this.#sql.remove(idsOf(rows)), options);
  }

  async #note(undelivered: readonly UndeliveredMessage[], rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    const errors = new Map(undelivered.map(({ id, error }) => [id, error]));
    const isCounted = (row: OutboxRow): boolean => {
      const error = errors.get(row.job_id);
      return error !== undefined && !isUnavailable(error);
    };
    const done = rows.filter((row) => !errors.has(row.job_id));
    const failed = rows.filter(isCounted);
    for (const row of failed) await this.#fail(row, errors.get(row.job_id));
    await this.#giveBack(rows.filter((row) => errors.has(row.job_id) && !isCounted(row)));
    const away = [...errors.values()].find(isUnavailable);
    if (away !== undefined && done.length === 0 && failed.length === 0) throw away;
    return done;
  }

  /** One message that cannot be delivered must not keep the others; those of its key wait for it. */
  async #runSingly(rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    const done: OutboxRow[] = [];
    const left = new Set(rows);
    const blocked = new Set<string>();
    for (const row of rows) {
      const line = row.key === null ? undefined : JSON.stringify([row.queue, row.key]);
      if (line !== undefined && blocked.has(line)) continue;
      try {
        const [undelivered] = await this.#deliver([row]);
        if (undelivered !== undefined) throw undelivered.error ?? new Error('It was not handed over');
        done.push(row);
        left.delete(row);
      } catch (error) {
        // What was handed over so far is committed; the rest comes again.
        if (isUnavailable(error)) break;
        if (line !== undefined) blocked.add(line);
        await this.#fail(row, error);
        left.delete(row);
      }
    }
    await this.#giveBack([...left]);
    return done;
  }

  async #fail(row: OutboxRow, error: unknown): Promise<void> {
    const { maxAttempts, retryDelay } = this.#settings;
    const pause = Math.min(retryDelay * 2 ** Math.min(row.attempts, 16), longestPause);
    await this.#query(this.#sql.fail(row.id, describe(error), pause, maxAttempts));
    reportBackgroundError({ source: 'outbox relay', error });
  }

  /** As long as it is waited for. */
  async #deliver(rows: readonly OutboxRow[]): Promise<readonly UndeliveredMessage[]> {
    const { deliver } = this.#settings;
    const signal = this.#stop;
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason as Error);
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      let undelivered: readonly UndeliveredMessage[] = [];
      const handOver = async (): Promise<void> => {
        undelivered = (await outside(() => deliver(rows.map(readRow)))) ?? [];
      };
      await Promise.race([stopped, isWatched(deliverTrace) ? this.#traceDelivery(rows, handOver) : handOver()]);
      return undelivered;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #traceDelivery(rows: readonly OutboxRow[], handOver: () => Promise<void>): Promise<void> {
    const { channel } = this.#settings;
    const { clientName, level } = this.#db;
    const place = { parentId: undefined, clientName, level, name: `outbox relay ${channel}` };
    const event = new DeliverTrace({ ...place, channel, count: rows.length, writtenIn: tracesOf(rows) });
    return deliverTrace.run(event, handOver);
  }

  /** Where they are claimed by a lease; a transaction gives them back by its end. */
  async #giveBack(rows: readonly OutboxRow[]): Promise<void> {
    const { giveBack } = this.#sql;
    if (giveBack !== undefined && rows.length > 0) await this.#query(giveBack(idsOf(rows)));
  }

  async #query({ text, values }: Statement, options?: QueryOptions): Promise<void> {
    await this.#db.query(text, values, options);
  }
}

export function idsOf(rows: readonly OutboxRow[]): readonly string[] {
  return rows.map(({ id }) => id);
}

/** Whether the other side is away, so that all messages wait. */
export function isUnavailable(error: unknown): error is RelayUnavailableError {
  return isInstance(error, RelayUnavailableError);
}

/** `deliver` is the program's: it runs in no transaction of the relay's. */
function outside<Result>(work: () => Promise<Result>): Promise<Result> {
  return currentFrame() === undefined ? work() : runInFrame(undefined, work, undefined);
}

function describe(error: unknown): string {
  if (typeof error === 'string') return storable(error, longestError);
  const { name, message } = describeThrown(error);
  return storable(isError(error) ? `${name}: ${message}` : message, longestError);
}
