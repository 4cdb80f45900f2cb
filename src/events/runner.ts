import { reportBackgroundError } from '../channels/index.ts';
import { runBare, runBareAtEnd, runInFrame } from '../context/index.ts';
import { describeThrown, endsWithin, isError, isInstance, storable, systemClock } from '../core/index.ts';
import { type Database, type Db, internalsOf } from '../database/index.ts';
import type { ClaimedPublication, EventDialect, FailedAttempt, Statement } from '../driver/index.ts';
import { calledAfterStop, Polling, takenUnderWay } from '../tables/index.ts';
import { makeAttempt, NotStarted } from './attempt.ts';
import type { Listeners } from './listener.ts';
import type { EventsSettings } from './options.ts';
import { eventTables } from './tables.ts';

/** What makes another one. */
const maker = 'createEvents()';
/** How long a claim lasts without the lock of its transaction, in milliseconds: of a process that was killed before it. */
const lease = 5_000;
/** How long an attempt may wait for its connection, in milliseconds. */
const startLimit = 2_500;
/** The longest pause before a publication whose listener failed is tried again. */
const longestPause = 600_000;
/** The longest pause where the table cannot be read. */
const longestWait = 5_000;
/** The longest text of an error that is kept with a publication. */
const longestError = 2_000;
/** How long it may take to roll listeners back, in milliseconds. */
const stopGrace = 1_000;
/** How often old publications are deleted. */
const forgetInterval = 600_000;

/** Runs durable listeners: claims publications, a few at a time, and makes an attempt of each. */
export class ListenerRunner {
  readonly #settings: EventsSettings;
  readonly #listeners: Listeners;
  readonly #sql: EventDialect;
  /** What belongs to no listener is asked at the deepest level: it waits for nothing. */
  readonly #deep: Db;
  readonly #db: Db;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Claims whose answer is not here yet: what they take runs soon. */
  readonly #claiming = new Set<Promise<number>>();
  readonly #polling: Polling;
  #forgetAt = 0;
  #completed = 0;

  constructor(database: Database, settings: EventsSettings, listeners: Listeners) {
    const { clientName } = settings;
    this.#settings = settings;
    this.#listeners = listeners;
    this.#db = database.getDb({ clientName });
    this.#deep = database.getDb({ clientName, level: internalsOf(database).maxLevel });
    this.#sql = eventTables.of(this.#db);
    const { pollInterval, concurrency } = settings;
    this.#polling = new Polling(database, {
      source: 'transactional events',
      afterStop: () => calledAfterStop('events.start()', maker),
      turn: () => this.#turn(),
      hasRoom: () => this.#running.size < concurrency,
      pollInterval,
      retryDelay: pollInterval,
      longestPause: longestWait,
    });
  }

  start(): void {
    this.#polling.start();
  }

  /** Something may be due. */
  poke(): void {
    this.#polling.poke();
  }

  /** Runs what is due until nothing is. @returns how many publications were completed */
  async drain(): Promise<number> {
    const before = this.#completed;
    await runInFrame(
      undefined,
      async () => {
        do {
          // First, since where all writers take turns nothing is claimed while a listener runs.
          await this.#endsWhatRuns();
          // What stop() no longer waited for is given back, again and again.
          if (this.#stop.signal.aborted) throw calledAfterStop('events.drain()', maker);
        } while ((await this.#claim(this.#settings.concurrency)) > 0 || this.#isBusy);
      },
      undefined,
    );
    return this.#completed - before;
  }

  get #isBusy(): boolean {
    return this.#claiming.size + this.#running.size > 0;
  }

  /** Waits for what is claimed and runs here, by start() too. */
  async #endsWhatRuns(): Promise<void> {
    await Promise.allSettled(this.#claiming);
    await Promise.all(this.#running);
  }

  async stop(timeout: number): Promise<void> {
    const all = this.#polling.stop().then(() => Promise.all(this.#running));
    if (await endsWithin(systemClock, all, timeout)) return;
    this.#stop.abort(new NotStarted(`stop() did not wait any longer than ${timeout} ms`));
    await endsWithin(systemClock, all, stopGrace);
  }

  /** @returns whether all that could be claimed was, so that there may be more */
  async #turn(): Promise<boolean> {
    const free = this.#settings.concurrency - this.#running.size;
    const claimed = free > 0 ? await this.#claim(free) : 0;
    await this.#forget();
    return claimed === free;
  }

  /** @returns how many were claimed; they run */
  #claim(limit: number): Promise<number> {
    const claim = this.#take(limit).finally(() => this.#claiming.delete(claim));
    this.#claiming.add(claim);
    return claim;
  }

  async #take(limit: number): Promise<number> {
    const here = [...this.#listeners.durable.values()].map(({ id, event }) => ({ listener: id, event: event.name }));
    if (here.length === 0) return 0;
    // The tables are those of all tenants.
    const claiming = runBare(() => this.#sql.claim(this.#deep, here, limit, lease));
    const rows = await eventTables.guard(this.#deep, () => claiming);
    for (const row of rows) {
      const closing = new AbortController();
      const end = (): void => closing.abort(new NotStarted('the database closes'));
      const run = takenUnderWay(this.#db, () => this.#runOne(row, closing.signal), end).finally(() => {
        this.#running.delete(run);
        this.#polling.makeRoom();
      });
      this.#running.add(run);
    }
    return rows.length;
  }

  /** Never rejects: what cannot be noted is due again when its claim is over. */
  async #runOne(row: ClaimedPublication, closing: AbortSignal): Promise<void> {
    try {
      await this.#settle(row, closing);
    } catch (error) {
      reportBackgroundError({ source: 'transactional events', error });
    }
  }

  async #settle(row: ClaimedPublication, closing: AbortSignal): Promise<void> {
    const { attempts, completion } = this.#settings;
    const listener = this.#listeners.durableOf(row);
    if (listener === undefined) return await this.#giveBack(row);
    if (row.attempts > attempts) {
      const error = `Its process ended, or lost its connection, while the listener ran, in each of ${attempts} attempts`;
      return await this.#fail({ id: row.id, attempts: row.attempts, error, pause: undefined });
    }
    try {
      const [db, sql] = [this.#db, this.#sql];
      const stop = AbortSignal.any([this.#stop.signal, closing]);
      if (await makeAttempt({ db, sql, row, listener, completion, stop, startLimit })) this.#completed += 1;
    } catch (error) {
      // It has not failed where it was ended from outside.
      if (isInstance(error, NotStarted) || closing.aborted) return await this.#giveBack(row);
      reportBackgroundError({ source: `durable listener "${listener.id}"`, error });
      // Where it is committed all the same, and only a hook after it has failed, there is nothing to be noted.
      await this.#fail({ id: row.id, attempts: row.attempts, error: describe(error), pause: this.#pauseAfter(row) });
    }
  }

  #pauseAfter({ attempts }: ClaimedPublication): number | undefined {
    if (attempts >= this.#settings.attempts) return undefined;
    return Math.min(this.#settings.retryDelay * 2 ** Math.min(attempts - 1, 20), longestPause);
  }

  #fail(attempt: FailedAttempt): Promise<void> {
    return runBareAtEnd(() => this.#query(this.#sql.fail(attempt)));
  }

  #giveBack({ id, attempts }: ClaimedPublication): Promise<void> {
    return runBareAtEnd(() => this.#query(this.#sql.giveBack(id, attempts)));
  }

  async #forget(): Promise<void> {
    const { completion, retention } = this.#settings;
    if (completion === 'delete' || systemClock.now() < this.#forgetAt) return;
    this.#forgetAt = systemClock.now() + forgetInterval;
    await this.#query(this.#sql.forget(completion, retention));
  }

  async #query(asked: Statement): Promise<void> {
    await eventTables.query(this.#deep, asked);
  }
}

/** What is kept of an error, and shown to those who look. */
function describe(error: unknown): string {
  if (typeof error === 'string') return storable(error, longestError);
  const { name, message } = describeThrown(error);
  return storable(isError(error) ? `${name}: ${message}` : message, longestError);
}
