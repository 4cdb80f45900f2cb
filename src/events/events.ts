import { randomUUID } from 'node:crypto';
import { frameOfCall } from '../context/index.ts';
import { InvalidOptionError, readOptions } from '../core/index.ts';
import { checkDatabase, type Database, type Db } from '../database/index.ts';
import { toJson, validated } from '../payload/index.ts';
import { ambientContext } from '../tables/index.ts';
import type { IncompleteOptions, ResubmitOptions } from './administration.ts';
import { checkEvent, type EventDefinition } from './definition.ts';
import { EventOutsideTransactionError } from './errors.ts';
import {
  type EventListener,
  type EventPhase,
  type ListenerOptions,
  Listeners,
  type ProcessListener,
  type PublishedEvent,
} from './listener.ts';
import {
  type EventsOptions,
  eventsSettings,
  type EventsSettings,
  type EventsStopOptions,
  stopChecks,
} from './options.ts';
import { type PublicationCounts, PublicationDesk, type PublicationPage } from './publication-desk.ts';
import { ListenerRunner } from './runner.ts';
import { eventTables } from './tables.ts';

/** The events of a client: their listeners, and what publishes to them. Made by `createEvents`. */
export class Events {
  readonly #settings: EventsSettings;
  readonly #db: Db;
  readonly #listeners = new Listeners();
  readonly #runner: ListenerRunner;
  readonly #desk: PublicationDesk;

  constructor(database: Database, options: EventsOptions = {}) {
    checkDatabase('createEvents', database);
    this.#settings = eventsSettings(options);
    this.#db = database.getDb({ clientName: this.#settings.clientName });
    this.#runner = new ListenerRunner(database, this.#settings, this.#listeners);
    this.#desk = new PublicationDesk(this.#db, (of) => this.#listeners.durableOf(of) !== undefined);
  }

  /**
   * Registers a listener. A durable one is registered in all processes that publish the event, too: publishing writes a row for
   * each one that its process knows.
   *
   * ```ts
   * events.on(orderPlaced, { phase: 'beforeCommit' }, async ({ orderId }) => {
   *   await db.query(sql`update stock set reserved = reserved + 1 where order_id = ${orderId}`);
   * });
   * events.on(orderPlaced, { phase: 'durable', id: 'invoice' }, async ({ orderId }) => {
   *   await db.query(sql`insert into invoice (order_id) values (${orderId})`);
   * });
   * ```
   * @returns takes the listener away again
   * @throws InvalidOptionError, also for an id that another durable listener has
   */
  on<Output, Phase extends EventPhase>(
    event: EventDefinition<never, Output>,
    options: ListenerOptions<Phase>,
    listener: EventListener<Output, Phase>,
  ): () => void {
    return this.#listeners.add(event, options, listener);
  }

  /**
   * Publishes an event in the transaction that is open here: its listeners run in their phases, and those that are durable if
   * it commits.
   *
   * ```ts
   * await database.transaction(async () => {
   *   await checkout(id);
   *   await events.publish(orderPlaced, { orderId: id });
   * });
   * ```
   * @throws EventOutsideTransactionError, InvalidPayloadError, UnserializableError, PayloadTooLargeError, InvalidOptionError: nothing
   * was published; EventTablesMissingError
   */
  async publish<Input>(event: EventDefinition<Input, unknown>, payload: Input): Promise<void> {
    checkEvent('events.publish', event);
    const { name } = event;
    if (!this.#db.inTransaction) throw outside(name, this.#db.clientName);
    const what = `The payload of the event "${name}"`;
    const { json = 'null', value = null } = toJson(what, payload, this.#settings.maxPayload, 'createEvents');
    const parsed: unknown = await validated(what, event.parse, value);
    const published: PublishedEvent = { id: randomUUID(), name };
    let isPublished = true;
    // Before the row is sent: the transaction waits for that, and might have ended when its answer is here.
    for (const { phase, run } of this.#listeners.inProcess(name))
      hook(this.#db, { phase, run: (...args) => (isPublished ? run(...args) : undefined) }, parsed, published);
    try {
      await this.#writeDurable(published, json);
    } catch (error) {
      isPublished = false;
      throw error;
    }
  }

  /**
   * Begins to run durable listeners in this process; does nothing when it has begun.
   * @throws InvalidOptionError after `stop()`, which is for good; DatabaseClosedError
   */
  start(): void {
    this.#runner.start();
  }

  /**
   * Runs what is due for the durable listeners of this process, until nothing is: for tests. Those that `start()` has begun to run
   * are waited for, too; those of other processes are not.
   * @returns how many publications were completed in this process by then
   * @throws InvalidOptionError in a transaction, which listeners might wait for, and where `stop()` has ended listeners that took too
   * long; EventTablesMissingError
   */
  async drain(): Promise<number> {
    if (frameOfCall()?.innermost === undefined) return await this.#runner.drain();
    throw new InvalidOptionError({
      what: 'events.drain() was called in a transaction, from which its listeners get nothing',
      remedy: 'Call it after the commit',
    });
  }

  /**
   * Takes no more publications, for good, and waits for listeners that run. Those that take longer than the timeout are rolled back; they run
   * again in another process.
   * @throws InvalidOptionError
   */
  async stop(options: EventsStopOptions = {}): Promise<void> {
    const { timeout = 10_000 } = readOptions('events.stop', options, stopChecks);
    await this.#runner.stop(timeout);
  }

  /** The same as `stop()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Publications that are not completed, oldest first: those to be run, those that run, and those that have failed for good. Those
   * of listeners that no process has any longer are among them.
   *
   * ```ts
   * const { publications } = await events.incomplete({ state: 'failed', limit: 20 });
   * for (const { listener, lastError } of publications) console.log(listener, lastError);
   * ```
   * @throws EventTablesMissingError; InvalidOptionError
   */
  incomplete(options: IncompleteOptions = {}): Promise<PublicationPage> {
    return this.#desk.incomplete(options);
  }

  /**
   * How many publications are not completed, by listener and event.
   * @throws EventTablesMissingError
   */
  counts(): Promise<readonly PublicationCounts[]> {
    return this.#desk.counts();
  }

  /**
   * Has publications run again, with all of their attempts. Those that run are left alone.
   *
   * ```ts
   * await events.resubmit({ listener: 'invoice' });
   * await events.resubmit({ numbers: ['17'] });
   * await events.resubmit({ all: true }); // the failed ones of all listeners
   * ```
   * @returns how many
   * @throws InvalidOptionError, also for options that name none; EventTablesMissingError
   */
  async resubmit(options: ResubmitOptions): Promise<number> {
    const count = await this.#desk.resubmit(options);
    if (count > 0) this.#runner.poke();
    return count;
  }

  async #writeDurable({ id: eventId, name: event }: PublishedEvent, payload: string): Promise<void> {
    const listeners = this.#listeners.durableFor(event);
    if (listeners.length === 0) return;
    const context = JSON.stringify(ambientContext());
    const rows = listeners.map((listener) => ({ eventId, event, listener, payload, context }));
    const { text, values } = eventTables.of(this.#db).add(rows);
    this.#db.afterCommit(() => this.#runner.poke());
    await eventTables.guard(this.#db, () => this.#db.query(text, values));
  }
}

/**
 * Makes the events of a client.
 *
 * ```ts
 * const events = createEvents(database);
 * events.on(orderPlaced, { phase: 'afterCommit' }, ({ orderId }) => console.log(`order ${orderId}`));
 * events.start();
 * ```
 * @throws InvalidOptionError
 */
export function createEvents(database: Database, options: EventsOptions = {}): Events {
  return new Events(database, options);
}

/** Registers a listener as the hook of its phase. */
function hook(db: Db, { phase, run }: ProcessListener, payload: unknown, published: PublishedEvent): void {
  switch (phase) {
    case 'beforeCommit':
      return db.beforeCommit(() => run(payload, published));
    case 'afterCommit':
      return db.afterCommit(() => run(payload, published));
    case 'afterRollback':
      return db.afterRollback((error) => run(payload, { ...published, error }));
    case 'afterCompletion':
      return db.afterCompletion((outcome, error) => run(payload, { ...published, outcome, error }));
  }
}

function outside(name: string, clientName: string): EventOutsideTransactionError {
  return new EventOutsideTransactionError({
    what: `The event "${name}" was published where no transaction is open on client "${clientName}"`,
    remedy: 'Publish it in the transaction that makes it true, as in database.transaction(async () => { ... })',
    at: { clientName },
  });
}
