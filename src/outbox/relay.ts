import { isWatched, RelayTrace, relayTrace } from '../channels/index.ts';
import { runBare, toTheEnd } from '../context/index.ts';
import { endsWithin, readOptions, systemClock } from '../core/index.ts';
import { checkDatabase, type Database, type Db, internalsOf } from '../database/index.ts';
import type { OutboxDialect } from '../driver/index.ts';
import { calledAfterStop, Polling, underWay } from '../tables/index.ts';
import { outboxOf } from './dialects.ts';
import { RelayUnavailableError } from './errors.ts';
import { HandOver } from './hand-over.ts';
import { type RelayOptions, relaySettings, type RelaySettings, type RelayStopOptions, stopChecks } from './options.ts';
import { RelayRounds, type RoundResult } from './relay-round.ts';
import { withTables } from './tables.ts';

/** The longest pause of a relay whose receiver is unavailable. */
const longestWait = 5_000;
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
  readonly #rounds: RelayRounds;
  readonly #underWay = new Set<Promise<RoundResult>>();
  /** Aborts when `deliver` is no longer waited for. */
  readonly #stopDelivery = new AbortController();
  /** Aborts when the transaction of a batch is not either. */
  readonly #stopBatch = new AbortController();
  readonly #polling: Polling;
  #forgetAt = 0;
  #delivered = 0;

  /** @param batches the most batches of one transaction */
  constructor(database: Database, options: RelayOptions, batches = 1) {
    checkDatabase('createRelay', database);
    this.#settings = relaySettings(options);
    const { clientName } = this.#settings;
    this.#db = database.getDb({ clientName, level: internalsOf(database).maxLevel });
    this.#sql = outboxOf(this.#db);
    const [db, sql] = [this.#db, this.#sql];
    const { channel, batchSize } = this.#settings;
    const handOver = new HandOver(db, sql, this.#settings, this.#stopDelivery.signal);
    this.#rounds = new RelayRounds({ db, sql, handOver, channel, batchSize, batches });
    const { pollInterval, retryDelay } = this.#settings;
    const turn = (): Promise<boolean> => this.#turn();
    const pauses = { pollInterval, retryDelay, longestPause: longestWait };
    this.#polling = new Polling(database, { source: 'outbox relay', afterStop, turn, ...pauses, endsPoked: true });
  }

  /** How many messages this relay has handed over. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Begins to relay; does nothing when it has begun. @throws InvalidOptionError after `stop()`, which is for good; DatabaseClosedError */
  start(): void {
    this.#polling.start();
  }

  /** Wakes the relay before its next poll: call it after a commit in the same process. */
  poke(): void {
    this.#polling.poke();
  }

  /**
   * Hands over what is due now, once. What this relay is handing over already, since it was started, is waited for.
   *
   * ```ts
   * await addToOutbox(db, [{ channel: 'mail', queue: 'orders', payload: { id } }]);
   * await relay.drain();
   * ```
   * @returns how many messages were handed over in this process by then
   */
  async drain(): Promise<number> {
    const before = this.#delivered;
    for (;;) {
      // Those under way have locked what they hand over, and what comes after it with its key is not due before.
      const isAlone = this.#underWay.size === 0;
      const { isFull } = await this.#relayRound();
      if (!isFull && isAlone && this.#underWay.size === 0) break;
      if (!isFull) await Promise.allSettled(this.#underWay);
    }
    return this.#delivered - before;
  }

  /**
   * Ends, for good, after the batch that is under way, or that `poke()` has asked for. Of a `deliver` that takes longer than the timeout the messages are given back, to
   * be handed over again by another relay.
   * @throws InvalidOptionError
   */
  async stop(options: RelayStopOptions = {}): Promise<void> {
    const { timeout = 10_000 } = readOptions('stop', options, stopChecks);
    const ended = this.#polling.stop();
    if (await endsWithin(systemClock, ended, timeout)) return;
    this.#stopDelivery.abort(notDelivered(timeout));
    if (await endsWithin(systemClock, ended, stopGrace)) return;
    // The database does not answer either.
    this.#stopBatch.abort(notDelivered(timeout));
    await endsWithin(systemClock, ended, stopGrace);
  }

  /** The same as `stop()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** @returns whether more may be due */
  async #turn(): Promise<boolean> {
    const { isFull } = await this.#relayRound();
    await runBare(() => this.#forget());
    return isFull;
  }

  /** @throws RelayUnavailableError where the other side is away */
  async #relayRound(): Promise<RoundResult> {
    // Its tables are those of all tenants.
    const isOpen = this.#sql.giveBack === undefined;
    // What close() has ended is given back all the same.
    const relay = (): Promise<RoundResult> => runBare(() => this.#relayTraced(), isOpen ? undefined : toTheEnd);
    // Without a transaction only this tells a closing database that messages are being handed over.
    const end = (reason: unknown): void => this.#stopDelivery.abort(databaseClosed(reason));
    const running = isOpen ? relay() : underWay(this.#db, relay, end);
    const round = running.finally(() => this.#underWay.delete(round));
    this.#underWay.add(round);
    const result = await round;
    if (result.away !== undefined) throw result.away;
    return result;
  }

  #relayTraced(): Promise<RoundResult> {
    if (!isWatched(relayTrace)) return this.#relay();
    const { channel } = this.#settings;
    const { clientName } = this.#db;
    const name = `outbox relay ${channel}`;
    const event = new RelayTrace({ parentId: undefined, clientName, level: 0, name });
    return relayTrace.run(
      event,
      () => this.#relay(),
      ({ claimed, delivered }) => {
        event.delivered = delivered;
        event.undelivered = claimed - delivered;
      },
    );
  }

  async #relay(): Promise<RoundResult> {
    const db = this.#db;
    const { signal } = this.#stopBatch;
    const options = { name: 'outbox relay', isolationLevel: 'READ_COMMITTED', signal } as const;
    const run = (): Promise<RoundResult> => this.#rounds.run();
    const result = await withTables(db, () =>
      this.#sql.giveBack === undefined ? db.transaction.begin(run, options) : run(),
    );
    this.#delivered += result.delivered;
    return result;
  }

  async #forget(): Promise<void> {
    if (systemClock.now() < this.#forgetAt) return;
    this.#forgetAt = systemClock.now() + forgetInterval;
    const { text, values } = this.#sql.forget(this.#settings.inboxRetention);
    await this.#db.query(text, values);
  }
}

function afterStop(): Error {
  return calledAfterStop('relay.start()', 'createRelay() or createChangesRelay()');
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

function databaseClosed(cause: unknown): RelayUnavailableError {
  return new RelayUnavailableError({
    what: 'The database of the relay was closed, and deliver did not return in time; its messages were given back',
    remedy: 'The next relay delivers them again. Give deliver a time limit, or close() a longer timeout',
    cause,
  });
}

function notDelivered(timeout: number): RelayUnavailableError {
  return new RelayUnavailableError({
    what: `The relay was stopped, and deliver did not return within ${timeout} ms; its messages were given back`,
    remedy: 'The next relay delivers them again. Give deliver a time limit, or stop() a longer timeout',
  });
}
