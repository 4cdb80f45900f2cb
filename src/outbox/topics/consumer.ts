import { reportBackgroundError } from '../../channels/index.ts';
import { runBare, runBareAtEnd, runInFrame } from '../../context/index.ts';
import { endsWithin, isInstance, onAbort, readOptions, sleep, systemClock } from '../../core/index.ts';
import { type Database, type Db, internalsOf } from '../../database/index.ts';
import type { DeliveredMessage, MessageBroker, Subscription } from '../broker/index.ts';
import { queryTables, withTables } from '../tables.ts';
import {
  type Consumer,
  type ConsumerStopOptions,
  type ConsumeSettings,
  consumerStopChecks,
} from './consumer-options.ts';
import { ConsumerStoppedError, HandlerCrashedError } from './errors.ts';
import {
  claimInInbox,
  type ConsumeHandler,
  describeFailure,
  isAway,
  isSettled,
  type Run,
  runInChain,
} from './handling.ts';
import { KeyLanes } from './key-lanes.ts';
import { type OpenedMessage, openMessage, type ParkReason, type Trust, type ValidationLimit } from './open-message.ts';
import { consumerName, messageOf, type ReceivedRow, receivedOf, rowOf } from './parked.ts';
import { handlers } from './run-gate.ts';
import { Suspect } from './suspect.ts';
import type { Topic } from './topic.ts';

/** The longest pause before a handler is tried again, in milliseconds. */
const longestPause = 60_000;
/** How long it is remembered that a handler was started and did not end, and how often that is looked at, in milliseconds. */
const startsKept = 7 * 86_400_000;
const forgetInterval = 600_000;
/** What is said of a message that was to be handled again, if nothing else is. */
const noEnd = 'Its process ended, or lost its connection, while its handler ran';
/** How long the transactions that were ended may take to be rolled back, in milliseconds. */
const stopGrace = 2_000;

/** All that a consumer needs. */
export interface ConsumerSettings extends ConsumeSettings {
  readonly database: Database;
  readonly db: Db;
  readonly broker: MessageBroker;
  readonly topic: Topic;
  readonly handler: ConsumeHandler<unknown>;
  readonly trust: Trust;
}

interface Why {
  readonly reason: ParkReason;
  readonly error: string;
  readonly attempts: number;
}

interface Attempt {
  readonly opened: Usable<unknown>;
  readonly attempt: number;
  /** For one that comes again. */
  readonly suspect: Suspect | undefined;
}

type Usable<Payload> = Exclude<OpenedMessage<Payload>, { readonly reason: ParkReason }>;

/**
 * Handles the messages of a topic for a group: each in a transaction that also notes it in the inbox, so that its effects happen
 * once; those with the same key in their order; and acknowledges it after the commit.
 */
export class MessageConsumer implements Consumer {
  readonly ready: Promise<void>;
  readonly #settings: ConsumerSettings;
  readonly #name: string;
  readonly #lanes = new KeyLanes();
  /** Aborts when no more handlers are begun. */
  readonly #stopping = new AbortController();
  /** Aborts when those that run are not waited for any longer. */
  readonly #ending = new AbortController();
  readonly #subscription: Subscription;
  readonly #replays: Promise<void>;
  #forgetDatabase: () => void = () => {};
  #wake: () => void = () => {};
  #handled = 0;
  #forgetAt = 0;
  #stopped: Promise<void> | undefined;

  /** @throws InvalidOptionError for an engine that cannot set messages aside */
  constructor(settings: ConsumerSettings) {
    receivedOf(settings.db);
    this.#settings = settings;
    const { broker, topic, group, concurrency } = settings;
    this.#name = consumerName(topic.name, group);
    // What is ambient where it happens to be started has nothing to do with what it handles.
    const [subscription, replays, tables] = runInFrame(
      undefined,
      () => [
        broker.subscribe({
          topic: topic.name,
          group,
          prefetch: concurrency,
          onMessage: (message) => this.#take(message),
          onError: (error) => reportBackgroundError({ source: this.#source, error }),
        }),
        this.#replayDue(),
        this.#hasTables(),
      ],
      undefined,
    );
    this.#subscription = subscription;
    this.#replays = replays;
    // What it holds is not handled here any longer: others of its group get it.
    this.#forgetDatabase = internalsOf(settings.database).onClose(() => {
      this.stop().catch((error: unknown) => reportBackgroundError({ source: this.#source, error }));
    });
    this.ready = Promise.all([this.#isKnown(), tables]).then(() => {});
    // Who does not wait for it is not to be told.
    this.ready.catch(() => {});
  }

  get handled(): number {
    return this.#handled;
  }

  async stop(options: ConsumerStopOptions = {}): Promise<void> {
    const { timeout = 10_000 } = readOptions('stop', options, consumerStopChecks);
    this.#stopped ??= this.#stop(timeout);
    await this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Looks at once for messages that are to be handled again. */
  poke(): void {
    this.#wake();
  }

  get #source(): string {
    return `consumer ${this.#name}`;
  }

  /** @throws ConsumerStoppedError */
  async #isKnown(): Promise<void> {
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const forget = onAbort(this.#stopping.signal, () => reject(this.#stopping.signal.reason as Error));
    try {
      await Promise.race([this.#subscription.ready, stopped]);
    } catch (error) {
      const { topic, group } = this.#settings;
      throw new ConsumerStoppedError({
        what: `The consumer of group "${group}" was stopped before the broker knew it as one of the topic "${topic.name}"`,
        remedy: 'Await its "ready" before stop(), or leave it alone when the program ends',
        cause: error,
      });
    } finally {
      forget();
    }
  }

  /** @throws OutboxMissingError, and what else the database says; one that is away says nothing of its tables */
  async #hasTables(): Promise<void> {
    const { db, topic, group } = this.#settings;
    try {
      await queryTables(db, receivedOf(db).due(topic.name, group));
    } catch (error) {
      if (!isAway(error)) throw error;
    }
  }

  async #stop(timeout: number): Promise<void> {
    this.#forgetDatabase();
    this.#stopping.abort(new Error('The consumer was stopped'));
    this.#wake();
    await endsWithin(systemClock, this.#subscription.pause(), timeout);
    const idle = Promise.all([this.#lanes.idle(), this.#replays]);
    if (!(await endsWithin(systemClock, idle, timeout))) {
      this.#ending.abort(new Error('The consumer was stopped, and did not wait for its handlers any longer'));
      await endsWithin(systemClock, idle, stopGrace);
    }
    await endsWithin(systemClock, this.#subscription.close(), Math.max(timeout, stopGrace));
  }

  #take(message: DeliveredMessage): void {
    this.#lanes.run(message.key, async () => {
      try {
        await this.#settle(message);
      } catch (error) {
        // Stopped: it is not acknowledged, and comes again.
        if (!this.#stopping.signal.aborted) reportBackgroundError({ source: this.#source, error });
      }
    });
  }

  /** Until it is handled or set aside. @throws where the consumer stops before */
  async #settle(message: DeliveredMessage): Promise<void> {
    const { topic, trust, attempts: most, retryDelay } = this.#settings;
    let suspect: Suspect | undefined;
    let trusted = trust;
    let attempts = 0;
    for (let tries = 0; ; tries += 1) {
      this.#stopping.signal.throwIfAborted();
      // What lost its connection comes again, behind what its key still has in this lane.
      if (!message.isCurrent()) return;
      try {
        // Each time anew: a handler may change its payload.
        const opened = await openMessage(topic, message, trusted, this.#limit);
        if ('reason' in opened) return await this.#park(message, { ...opened, attempts });
        trusted = timeless(trust);
        if (message.redelivered) suspect ??= this.#suspect(opened.id);
        await this.#handle(message, { opened, attempt: attempts + 1, suspect });
        return message.ack();
      } catch (error) {
        this.#stopping.signal.throwIfAborted();
        if (isInstance(error, HandlerCrashedError)) attempts = Math.max(most, error.starts);
        else if (!isAway(error)) attempts += 1;
        reportBackgroundError({ source: this.#source, error });
        if (attempts >= most) {
          const why = { reason: 'failed', error: describeFailure(error), attempts } as const;
          if (await this.#parks(message, why)) return;
        }
      }
      const pause = Math.min(retryDelay * 2 ** Math.min(tries, 16), longestPause);
      await sleep(systemClock, pause, this.#stopping.signal);
    }
  }

  get #limit(): ValidationLimit {
    return { maxRuntime: this.#settings.maxRuntime, ending: this.#ending.signal };
  }

  #suspect(id: string): Suspect {
    const { db, attempts } = this.#settings;
    return new Suspect({ db, consumer: this.#name, id, attempts });
  }

  async #handle({ redelivered, key }: DeliveredMessage, { opened, attempt, suspect }: Attempt): Promise<void> {
    const { db } = this.#settings;
    if (redelivered && attempt === 1 && (await runBare(() => isSettled(db, this.#name, opened.id)))) return;
    const run = (): Promise<void> =>
      runInChain(this.#run(opened, key, attempt), (own) => claimInInbox(own, this.#name, opened.id));
    try {
      const { signal } = this.#stopping;
      await (suspect === undefined ? handlers.run(false, signal, run) : suspect.run(signal, run));
      this.#handled += 1;
    } catch (error) {
      // It was handled before, or by another process just now; or the answer to the COMMIT was lost.
      if (this.#ending.signal.aborted || !(await runBareAtEnd(() => isSettled(db, this.#name, opened.id)))) throw error;
    }
  }

  #run(opened: Usable<unknown>, key: string | undefined, attempt: number): Run<unknown> {
    const { database, topic, handler, maxRuntime } = this.#settings;
    const { id, payload, headers, context } = opened;
    const message = { id, topic: topic.name, key, headers, attempt };
    const ending = this.#ending.signal;
    return { database, consumer: this.#name, handler, payload, message, context, maxRuntime, ending };
  }

  /** Whether it could be set aside now. */
  async #parks(message: DeliveredMessage, why: Why): Promise<boolean> {
    try {
      await this.#park(message, why);
      return true;
    } catch (error) {
      reportBackgroundError({ source: this.#source, error });
      return false;
    }
  }

  /** Notes it in the inbox too, so that it is set aside once. @throws what the database says */
  async #park(message: DeliveredMessage, why: Why): Promise<void> {
    const { db } = this.#settings;
    // Only what was let through has an id that can be trusted.
    const id = why.reason === 'failed' ? message.id : undefined;
    const row = rowOf(message, this.#settings, why);
    try {
      await runBareAtEnd(() =>
        db.transaction.begin(
          async () => {
            if (id !== undefined) await claimInInbox(db, this.#name, id);
            const { text, values } = receivedOf(db).park(row);
            await withTables(db, () => db.query(text, values));
          },
          { name: `park ${this.#name}` },
        ),
      );
    } catch (error) {
      if (id === undefined || !(await runBareAtEnd(() => isSettled(db, this.#name, id)))) throw error;
    }
    if (row.body === null) message.deadLetter(why.reason);
    else message.ack();
  }

  /** Handles again what `replay` has asked for, as any process of the group may. */
  async #replayDue(): Promise<void> {
    const { replayInterval } = this.#settings;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        while (!signal.aborted && (await this.#replayOne()));
        await this.#forgetStarts();
      } catch (error) {
        if (!signal.aborted) reportBackgroundError({ source: this.#source, error });
      }
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        const cancel = systemClock.setTimer(resolve, replayInterval, true);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
  }

  /** @returns whether there was one */
  async #replayOne(): Promise<boolean> {
    const { db, topic, group, trust } = this.#settings;
    const asked = receivedOf(db).due(topic.name, group);
    const { rows } = await queryTables<ReceivedRow>(db, asked);
    const [row] = rows;
    if (row === undefined) return false;
    // From now on it is not to be handled again, so that it kills one process only; another process may have been faster.
    if ((await queryTables(db, receivedOf(db).take(row.id, noEnd))).rowCount === 0) return true;
    const kept = messageOf(row);
    try {
      // Who replays it has looked at it.
      const opened = await openMessage(topic, { ...kept, topic: topic.name }, timeless(trust), this.#limit);
      if ('reason' in opened) {
        await this.#failAgain(row.id, opened.error);
        return true;
      }
      const replay = (): Promise<void> =>
        runInChain(this.#run(opened, kept.key, 1), async (own) => {
          const { text, values } = receivedOf(own).remove(row.id);
          if ((await own.query(text, values)).rowCount === 0) throw new Discarded();
        });
      await handlers.run(false, this.#stopping.signal, replay);
      this.#handled += 1;
    } catch (error) {
      if (this.#stopping.signal.aborted || isAway(error)) {
        await queryTables(db, receivedOf(db).replay(topic.name, group, [row.id]));
        throw error;
      }
      if (!(error instanceof Discarded)) await this.#failAgain(row.id, describeFailure(error));
    }
    return true;
  }

  async #forgetStarts(): Promise<void> {
    if (systemClock.now() < this.#forgetAt) return;
    this.#forgetAt = systemClock.now() + forgetInterval;
    const { db } = this.#settings;
    await queryTables(db, receivedOf(db).forgetStarts(startsKept));
  }

  async #failAgain(id: string, error: string): Promise<void> {
    const { db } = this.#settings;
    await queryTables(db, receivedOf(db).fail(id, error));
  }
}

/** For a message that was trusted once: how long it has lain here since is no reason. */
function timeless(trust: Trust): Trust {
  return { ...trust, maxAge: Number.POSITIVE_INFINITY };
}

/** Since it was looked at. */
class Discarded extends Error {}
