import { type Check, checkBody, isRecord, readOptions, text, withMethods } from '../core/index.ts';
import { assertOpen, checkDatabase, type Database, type Db, internalsOf } from '../database/index.ts';
import { contextCarrierChecks, warnOfMissingSecret } from '../envelope/index.ts';
import { calledAfterStop } from '../tables/index.ts';
import type { MessageBroker } from './broker/index.ts';
import { BrokerDelivery, messagePayload } from './broker-delivery.ts';
import { aChannel } from './input.ts';
import type { OutboxMessage } from './message.ts';
import { relayChecks, type RelayOptions, type RelayStopOptions, stopChecks } from './options.ts';
import { addToOutbox } from './outbox.ts';
import { Relay } from './relay.ts';
import {
  checkTopic,
  type Consumer,
  type ConsumeHandler,
  type ConsumeOptions,
  consumeSettings,
  discardReceivedBy,
  listReceivedBy,
  MessageConsumer,
  readHeaders,
  type ReceivedParkedOptions,
  type ReceivedParkedPage,
  type ReceivedSelection,
  replayReceivedBy,
  type Topic,
  type Trust,
} from './topics/index.ts';

/** Options of `createOutbox`. */
export interface OutboxOptions extends Pick<
  RelayOptions,
  'clientName' | 'batchSize' | 'pollInterval' | 'maxAttempts' | 'retryDelay' | 'inboxRetention'
> {
  /** Where messages go and come from: `nats()` of `sluice/outbox/nats`, `rabbitmq()` of `sluice/outbox/rabbitmq`, or one of yours. */
  readonly broker: MessageBroker;
  /** Tells its messages apart from those of other relays of the table. Default: `broker/` and the broker's name. */
  readonly channel?: string | undefined;
  /**
   * Shared by the processes that trust each other, at least 16 characters; of several the first signs and all are accepted. With
   * it messages carry tenant, baggage and all that `withContext` gives, and consumers set aside those that are not signed. Without
   * it the trace alone is passed on, and anyone is believed.
   */
  readonly secret?: string | readonly string[] | undefined;
  /** How old a signature may be where a message is consumed, in milliseconds. Default 7 days, as long as the inbox is kept. */
  readonly maxAge?: number | undefined;
}

/** Options of `publish`. */
export interface PublishOptions {
  /** Messages with the same topic and key are handled in their order. At most 500 characters. Default: none, in any order. */
  readonly key?: string | undefined;
  /**
   * Headers of yours, at most 32: names of at most 64 small letters, digits and `-`, values of at most 1,024 printable ASCII
   * characters. `traceparent`, `tracestate` and what begins with `sluice-`, `nats-` or `x-` is written by Sluice and the broker.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Names the message, so that publishing it twice has one effect. At most 500 characters. Default: a UUID. */
  readonly id?: string | undefined;
}

/** The most batches of a transaction of its relay: what comes again after a kill. */
const batches = 8;
const week = 7 * 86_400_000;
const { clientName, batchSize, pollInterval, maxAttempts, retryDelay, inboxRetention } = relayChecks;
const { secret, maxAge } = contextCarrierChecks;
const checks: Record<keyof OutboxOptions, Check> = {
  broker: withMethods('publish', 'subscribe', 'close'),
  channel: aChannel,
  secret,
  maxAge,
  clientName,
  batchSize,
  pollInterval,
  maxAttempts,
  retryDelay,
  inboxRetention,
};
const anIdOrKey = text(500);
const publishChecks: Record<keyof PublishOptions, Check> = {
  key: anIdOrKey,
  headers: (value) => (isRecord(value) ? undefined : 'an object of names and values'),
  id: anIdOrKey,
};

/** Messages that leave with the commit through a broker, and consumers that handle each once. Make it with `createOutbox`. */
export class Outbox {
  readonly #database: Database;
  readonly #db: Db;
  readonly #broker: MessageBroker;
  readonly #channel: string;
  readonly #trust: Trust;
  readonly #relay: Relay;
  readonly #consumers = new Set<MessageConsumer>();
  #isStopped = false;

  constructor(database: Database, options: OutboxOptions) {
    checkDatabase('createOutbox', database);
    const read = readOptions('createOutbox', options, checks, ['broker']);
    warnOfMissingSecret('createOutbox', { given: options, read });
    const { broker, channel = `broker/${read.broker.name}`, secret: given, maxAge: oldest = week, ...relay } = read;
    const { defaultClientName, maxLevel } = internalsOf(database);
    const { clientName: name = defaultClientName } = read;
    this.#database = database;
    this.#db = database.getDb({ clientName: name });
    this.#broker = broker;
    this.#channel = channel;
    const secrets = given === undefined ? [] : typeof given === 'string' ? [given] : given;
    this.#trust = { secrets, maxAge: oldest, maxLevel, clientName: name };
    const delivery = new BrokerDelivery(broker, secrets[0]);
    const deliver = (messages: readonly OutboxMessage[]): ReturnType<BrokerDelivery['deliver']> =>
      delivery.deliver(messages);
    this.#relay = new Relay(database, { ...relay, channel, deliver }, batches);
  }

  /** How many messages this process has handed over to the broker. */
  get delivered(): number {
    return this.#relay.delivered;
  }

  /**
   * Writes a message into the outbox, in the transaction that is open here: it leaves if that commits. What `withContext` has
   * given goes along. Outside of a transaction it is written by itself.
   *
   * ```ts
   * import { defineTopic } from 'sluice/outbox';
   * const orders = defineTopic<{ readonly id: number }>('orders');
   * await database.transaction(() => outbox.publish(orders, { id: 7 }, { key: 'customer 7' }));
   * ```
   * @throws InvalidPayloadError, PayloadTooLargeError and UnserializableError for a payload that cannot be, before anything is
   * sent; InvalidOptionError; what `addToOutbox` throws
   */
  async publish<Payload, Sent>(
    topic: Topic<Payload, Sent>,
    payload: NoInfer<Sent>,
    options: PublishOptions = {},
  ): Promise<void> {
    checkTopic('publish', topic);
    const { key, headers, id } = readOptions('publish', options, publishChecks);
    const own = readHeaders('publish', headers);
    const db = this.#database.getDb({ clientName: this.#db.clientName });
    const written = await messagePayload(topic, payload, own);
    await addToOutbox(db, [{ channel: this.#channel, queue: topic.name, key, id, payload: written }]);
    db.commit(() => this.#relay.poke());
  }

  /**
   * Handles the messages of a topic, from now on: each in a transaction that notes it in the inbox too, so that its effects happen
   * once, and acknowledged after the commit. Those with a key come in their order. One that keeps failing, or cannot be accepted,
   * is set aside with its reason, and the next one is handled.
   *
   * ```ts
   * import { defineTopic } from 'sluice/outbox';
   * const orders = defineTopic<{ readonly id: number }>('orders');
   * const consumer = outbox.consume(orders, async (order) => await checkout(order.id), { group: 'stock' });
   * await consumer.stop();
   * ```
   * @throws InvalidOptionError, also after `stop()`, which is for good; DatabaseClosedError
   */
  consume<Payload, Sent>(
    topic: Topic<Payload, Sent>,
    handler: ConsumeHandler<Payload>,
    options: ConsumeOptions,
  ): Consumer {
    checkTopic('consume', topic);
    checkBody('consume', handler);
    this.#refuseAfterStop('outbox.consume()');
    assertOpen(this.#database);
    const connections = this.#database.stats().clients[this.#db.clientName]?.max ?? 10;
    const consumer = new MessageConsumer({
      ...consumeSettings(options, connections),
      database: this.#database,
      db: this.#db,
      broker: this.#broker,
      topic,
      handler: (payload, message) => handler(payload as Payload, message),
      trust: this.#trust,
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  /** Messages of a topic that a group has set aside, oldest first. @throws OutboxMissingError; InvalidOptionError */
  async parked(topic: Topic, options: ReceivedParkedOptions): Promise<ReceivedParkedPage> {
    return await listReceivedBy('parked', this.#db, topic, options);
  }

  /**
   * Lets messages that were set aside be handled again, those named or all, by any process of the group: once, with no regard to
   * the order of their keys. Those that were too large to be kept stay.
   * @returns how many
   * @throws OutboxMissingError; InvalidOptionError
   */
  async replay(topic: Topic, selection: ReceivedSelection): Promise<number> {
    const count = await replayReceivedBy('replay', this.#db, topic, selection);
    for (const consumer of this.#consumers) consumer.poke();
    return count;
  }

  /** Deletes messages that were set aside for good. @returns how many @throws OutboxMissingError; InvalidOptionError */
  async discard(topic: Topic, selection: ReceivedSelection & { readonly numbers: readonly string[] }): Promise<number> {
    return await discardReceivedBy('discard', this.#db, topic, selection);
  }

  /**
   * Begins to relay what transactions have published; any number of processes may. Does nothing when it has begun.
   * @throws InvalidOptionError after `stop()`, which is for good; DatabaseClosedError
   */
  start(): void {
    this.#refuseAfterStop('outbox.start()');
    this.#relay.start();
  }

  /**
   * Hands over what is due now, once. What it is handing over already, since it was started, is waited for.
   * @returns how many messages were handed over in this process by then
   */
  async drain(): Promise<number> {
    return await this.#relay.drain();
  }

  /**
   * Stops consumers and relay, for good, when what they do is done, or the timeout is over; what is not done comes again. The broker stays
   * open: close it afterwards.
   * @throws InvalidOptionError
   */
  async stop(options: RelayStopOptions = {}): Promise<void> {
    const read = readOptions('stop', options, stopChecks);
    this.#isStopped = true;
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop(read)));
    await this.#relay.stop(read);
  }

  /** The same as `stop()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #refuseAfterStop(call: string): void {
    if (this.#isStopped) throw calledAfterStop(call, 'createOutbox()');
  }
}

/**
 * Makes an outbox over a broker; call `start` in processes that relay, and `consume` in those that handle. Its tables are those
 * of `createOutboxTables`.
 *
 * ```ts
 * import { createOutbox } from 'sluice/outbox';
 * import { nats } from 'sluice/outbox/nats';
 * const outbox = createOutbox(database, { broker: nats(), secret: process.env.SLUICE_SECRET });
 * outbox.start();
 * ```
 * @throws InvalidOptionError
 */
export function createOutbox(database: Database, options: OutboxOptions): Outbox {
  return new Outbox(database, options);
}
