import {
  DeliverTrace,
  deliverTrace,
  RelayTrace,
  relayTrace,
  reportBackgroundError,
  isWatched,
} from '../channels/index.ts';
import { currentFrame, runBare, runInFrame } from '../context/index.ts';
import { describeThrown, endsWithin, isError, isInstance, readOptions, storable, systemClock } from '../core/index.ts';
import { checkDatabase, type Database, type Db, internalsOf, type QueryOptions } from '../database/index.ts';
import type { Statement } from '../driver/index.ts';
import type { OutboxDialect, OutboxRow } from '../driver/index.ts';
import { outboxOf } from './dialects.ts';
import { RelayUnavailableError } from './errors.ts';
import { type RelayOptions, relaySettings, type RelaySettings, type RelayStopOptions, stopChecks } from './options.ts';
import type { UndeliveredMessage } from './message.ts';
import { readRow, tracesOf } from './outbox-row.ts';
import { withTables } from './tables.ts';

/** The longest pause before a message that failed is tried again. */
const longestPause = 60_000;
/** The longest pause of a relay whose receiver is unavailable. */
const longestWait = 5_000;
/** The longest text of an error that is kept with a message. */
const longestError = 2_000;
/** How long it may take to give messages back, in milliseconds. */
const stopGrace = 1_000;
/** How often old rows of the inbox are deleted. */
const forgetInterval = 600_000;

/**
 * Hands over what transactions have left in the outbox: claimed with a lock that other relays skip, handed
 * over, deleted, committed. It runs at the deepest level: a chain that waits for a message holds a lower one.
 */
export class Relay {
  readonly #settings: RelaySettings;
  readonly #db: Db;
  readonly #sql: OutboxDialect;
  /** Aborts when `deliver` is no longer waited for. */
  readonly #stopDelivery = new AbortController();
  /** Aborts when the transaction of a batch is not either. */
  readonly #stopBatch = new AbortController();
  #state: 'idle' | 'running' | 'stopped' = 'idle';
  #poked = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> = Promise.resolve();
  #failures = 0;
  #forgetAt = 0;
  #delivered = 0;

  constructor(database: Database, options: RelayOptions) {
    checkDatabase('createRelay', database);
    this.#settings = relaySettings(options);
    const { clientName } = this.#settings;
    this.#db = database.getDb({ clientName, level: internalsOf(database).maxLevel });
    this.#sql = outboxOf(this.#db);
  }

  /** How many messages this relay has handed over. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Begins to relay; does nothing when it has begun. */
  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'running';
    // What is ambient where it happens to be started has nothing to do with what it relays.
    this.#loop = runInFrame(undefined, () => this.#run(), undefined);
  }

  /** Wakes the relay before its next poll: call it after a commit in the same process. */
  poke(): void {
    this.#poked = true;
    if (this.#failures === 0) this.#wake?.();
  }

  /**
   * Hands over what is due now, once.
   *
   * ```ts
   * await addToOutbox(db, [{ channel: 'mail', queue: 'orders', payload: { id } }]);
   * await relay.drain();
   * ```
   * @returns how many messages were handed over
   */
  async drain(): Promise<number> {
    const before = this.#delivered;
    while ((await this.#relayBatch()) === this.#settings.batchSize);
    return this.#delivered - before;
  }

  /**
   * Ends after the batch that is under way, or that `poke()` has asked for. Of a `deliver` that takes longer than the timeout the messages are given back, to
   * be handed over again by another relay.
   * @throws InvalidOptionError
   */
  async stop(options: RelayStopOptions = {}): Promise<void> {
    const { timeout = 10_000 } = readOptions('stop', options, stopChecks);
    this.#state = 'stopped';
    this.#wake?.();
    if (await endsWithin(systemClock, this.#loop, timeout)) return;
    this.#stopDelivery.abort(notDelivered(timeout));
    if (await endsWithin(systemClock, this.#loop, stopGrace)) return;
    // The database does not answer either.
    this.#stopBatch.abort(notDelivered(timeout));
    await endsWithin(systemClock, this.#loop, stopGrace);
  }

  /** The same as `stop()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    // What was asked for by `poke()` before `stop()` is still done.
    while (this.#state === 'running' || (this.#poked && this.#failures === 0)) {
      this.#poked = false;
      try {
        const claimed = await this.#relayBatch();
        this.#failures = 0;
        await runBare(() => this.#forget());
        if (claimed === this.#settings.batchSize) continue;
      } catch (error) {
        this.#failures += 1;
        reportBackgroundError({ source: 'outbox relay', error });
      }
      await this.#pause();
    }
  }

  /** Until `poke()` or the next poll. After failures the pause is longer, and pokes are ignored. */
  #pause(): Promise<void> {
    const { pollInterval, retryDelay } = this.#settings;
    const failed = this.#failures > 0;
    if (this.#state !== 'running' || (this.#poked && !failed)) return Promise.resolve();
    const delay = failed ? Math.min(retryDelay * 2 ** (this.#failures - 1), longestWait) : pollInterval;
    return new Promise((resolve) => {
      const done = (): void => {
        cancelTimer();
        this.#wake = undefined;
        resolve();
      };
      const cancelTimer = systemClock.setTimer(done, delay, true);
      this.#wake = done;
    });
  }

  /** @returns how many messages were claimed */
  #relayBatch(): Promise<number> {
    // Its tables are those of all tenants.
    return runBare(() => this.#relayTraced());
  }

  #relayTraced(): Promise<number> {
    if (!isWatched(relayTrace)) return this.#relay();
    const { channel } = this.#settings;
    const { clientName } = this.#db;
    const name = `outbox relay ${channel}`;
    const event = new RelayTrace({ parentId: undefined, clientName, level: 0, name });
    const before = this.#delivered;
    return relayTrace.run(
      event,
      () => this.#relay(),
      (claimed) => {
        event.delivered = this.#delivered - before;
        event.undelivered = claimed - event.delivered;
      },
    );
  }

  async #relay(): Promise<number> {
    const { channel, batchSize } = this.#settings;
    const db = this.#db;
    const { giveBack } = this.#sql;
    const take = async (): Promise<readonly OutboxRow[]> => {
      const rows = await this.#sql.claim(db, channel, batchSize);
      if (rows.length > 0) await this.#handOver(rows);
      return rows;
    };
    const { signal } = this.#stopBatch;
    const options = { name: 'outbox relay', isolationLevel: 'READ_COMMITTED', signal } as const;
    const rows = await withTables(db, () => (giveBack === undefined ? db.transaction.begin(take, options) : take()));
    return rows.length;
  }

  async #handOver(rows: readonly OutboxRow[]): Promise<void> {
    let undelivered: readonly UndeliveredMessage[];
    try {
      undelivered = await this.#deliver(rows);
    } catch (error) {
      if (isUnavailable(error)) {
        await this.#giveBack(rows);
        throw error;
      }
      await this.#handOverSingly(rows);
      return;
    }
    if (undelivered.length === 0) await this.#remove(rows);
    else await this.#removeBut(undelivered, rows);
  }

  /** Those that were handed over. @throws the error of one for which the other side is away, where none was */
  async #removeBut(undelivered: readonly UndeliveredMessage[], rows: readonly OutboxRow[]): Promise<void> {
    const errors = new Map(undelivered.map(({ id, error }) => [id, error]));
    const isCounted = (row: OutboxRow): boolean => {
      const error = errors.get(row.job_id);
      return error !== undefined && !isUnavailable(error);
    };
    const done = rows.filter((row) => !errors.has(row.job_id));
    const failed = rows.filter(isCounted);
    for (const row of failed) await this.#fail(row, errors.get(row.job_id));
    const left = rows.filter((row) => errors.has(row.job_id) && !isCounted(row));
    await this.#giveBack(left);
    await this.#remove(done);
    const away = [...errors.values()].find(isUnavailable);
    if (away !== undefined && done.length === 0 && failed.length === 0) throw away;
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
    const { signal } = this.#stopDelivery;
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

  /** One message that cannot be delivered must not keep the others; those of its key wait for it. */
  async #handOverSingly(rows: readonly OutboxRow[]): Promise<void> {
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
    await this.#remove(done);
  }

  /** Where they are claimed by a lease; a transaction gives them back by its end. */
  async #giveBack(rows: readonly OutboxRow[]): Promise<void> {
    const { giveBack } = this.#sql;
    if (giveBack !== undefined && rows.length > 0) await this.#query(giveBack(rows.map(({ id }) => id)));
  }

  async #remove(rows: readonly OutboxRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#query(this.#sql.remove(rows.map(({ id }) => id)), { last: true });
    this.#delivered += rows.length;
  }

  async #forget(): Promise<void> {
    if (systemClock.now() < this.#forgetAt) return;
    this.#forgetAt = systemClock.now() + forgetInterval;
    await this.#query(this.#sql.forget(this.#settings.inboxRetention));
  }

  async #query({ text, values }: Statement, options?: QueryOptions): Promise<void> {
    await this.#db.query(text, values, options);
  }
}

/**
 * Makes a relay for an outbox; call `start`.
 *
 * ```ts
 * const relay = createRelay(database, {
 *   channel: 'mail',
 *   deliver: async (messages) => {
 *     for (const { payload } of messages) await sendMail(String(payload));
 *   },
 * });
 * relay.start();
 * ```
 * @throws InvalidOptionError
 */
export function createRelay(database: Database, options: RelayOptions): Relay {
  return new Relay(database, options);
}

function notDelivered(timeout: number): RelayUnavailableError {
  return new RelayUnavailableError({
    what: `The relay was stopped, and deliver did not return within ${timeout} ms; its messages were given back`,
    remedy: 'The next relay delivers them again. Give deliver a time limit, or stop() a longer timeout',
  });
}

/** `deliver` is the program's: it runs in no transaction of the relay's. */
function outside<Result>(work: () => Promise<Result>): Promise<Result> {
  return currentFrame() === undefined ? work() : runInFrame(undefined, work, undefined);
}

function isUnavailable(error: unknown): error is RelayUnavailableError {
  return isInstance(error, RelayUnavailableError);
}

function describe(error: unknown): string {
  if (typeof error === 'string') return storable(error, longestError);
  const { name, message } = describeThrown(error);
  return storable(isError(error) ? `${name}: ${message}` : message, longestError);
}
