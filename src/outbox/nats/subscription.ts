import { AckPolicy, type ConsumerInfo, DeliverPolicy, type JsMsg, type JetStreamManager } from '@nats-io/jetstream';
import { onAbort } from '../../core/index.ts';
import {
  type DeliveredMessage,
  type SessionProgress,
  Sessions,
  type SubscribeOptions,
  type Subscription,
} from '../broker/index.ts';
import { consumerNotFound, isApiError } from './api-errors.ts';
import { fromHeader, headerNames } from './headers.ts';
import { Lease } from './lease.ts';
import { leaseStream, type NatsLink, type NatsLinks } from './link.ts';
import type { NatsSettings } from './options.ts';

/** No other takes what a session has been given, so the server need not think it lost: in nanoseconds, an hour. */
const ackWait = 3_600_000_000_000;

/**
 * A group's messages of a topic, which one process has at a time. Each session has a JetStream consumer of its own, which begins
 * behind what its predecessor has acknowledged without a gap, and deletes that: what was on its way to a process that was
 * killed comes first, in its order, and late acknowledgements go nowhere.
 */
export class NatsSubscription implements Subscription {
  readonly #links: NatsLinks;
  readonly #settings: NatsSettings;
  readonly #options: SubscribeOptions;
  readonly #paused = new AbortController();
  readonly #sessions: Sessions;

  constructor(links: NatsLinks, settings: NatsSettings, options: SubscribeOptions) {
    this.#links = links;
    this.#settings = settings;
    this.#options = options;
    this.#sessions = new Sessions((progress) => this.#session(progress), options.onError);
  }

  get ready(): Promise<void> {
    return this.#sessions.ready;
  }

  pause(): Promise<void> {
    this.#paused.abort();
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#sessions.close();
  }

  async #session({ signal, reached, known }: SessionProgress): Promise<void> {
    const link = await this.#links.link();
    reached();
    // The stream keeps what is published for groups that come later.
    known();
    const { stream, lostAfter } = this.#settings;
    const { client, manager } = link;
    const ended = new AbortController();
    const signals = [link.lost, signal];
    const follow = (signal: AbortSignal): (() => void) => onAbort(signal, () => ended.abort(signal.reason));
    const stops = signals.map(follow);
    try {
      const subject = `${leaseStream(stream)}.${this.#options.topic}.${this.#options.group}`;
      const streams = { leases: leaseStream(stream), messages: stream };
      const place = { client, manager, streams, subject, duration: lostAfter };
      const lease = await Lease.take(place, ended.signal);
      stops.push(follow(lease.lost));
      const kept = lease.keep(ended.signal);
      try {
        await this.#deliver(link, await this.#takeOver(manager, lease), ended);
      } finally {
        ended.abort();
        await kept;
        // What was acknowledged has to be at the server before another process begins.
        await link.connection.flush().catch(() => {});
        await lease.release();
      }
    } finally {
      for (const stop of stops) stop();
    }
  }

  /** Makes the consumer that counts from now on. */
  async #takeOver(manager: JetStreamManager, lease: Lease): Promise<Taken> {
    const { stream } = this.#settings;
    const { topic, group, prefetch } = this.#options;
    const { consumer: before } = lease;
    const name = `${group}@${topic.replaceAll('.', '=')}@${lease.sequence}`;
    const info = before === undefined ? undefined : await consumerInfo(manager, stream, before);
    const start = nextOf(info);
    await lease.note({ next: name });
    await manager.consumers.add(stream, {
      durable_name: name,
      filter_subject: `${stream}.${topic}`,
      ack_policy: AckPolicy.Explicit,
      ack_wait: ackWait,
      max_deliver: -1,
      max_ack_pending: prefetch,
      ...(start > 1
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: start }
        : { deliver_policy: DeliverPolicy.All }),
    });
    await lease.note({ consumer: name, next: undefined });
    if (before !== undefined) {
      await manager.consumers.delete(stream, before).catch((error: unknown) => {
        if (!isApiError(error, consumerNotFound)) throw error;
      });
    }
    return { name, deliveredBefore: info?.delivered.stream_seq ?? 0 };
  }

  async #deliver({ client }: NatsLink, { name, deliveredBefore }: Taken, ended: AbortController): Promise<void> {
    const { stream } = this.#settings;
    const { prefetch, onMessage } = this.#options;
    const consumer = await client.consumers.get(stream, name);
    const isCurrent = (): boolean => !ended.signal.aborted;
    const messages = await consumer.consume({
      max_messages: prefetch,
      expires: 10_000,
      abort_on_missing_resource: true,
      callback: (message) => {
        if (isCurrent() && !this.#paused.signal.aborted) onMessage(this.#read(message, deliveredBefore, isCurrent));
      },
    });
    messages.closed().then(
      () => this.#paused.signal.aborted || ended.abort(new Error('The consumer was deleted')),
      (error: unknown) => ended.abort(error),
    );
    const stopPulling = onAbort(this.#paused.signal, () => void messages.close());
    await new Promise<void>((resolve) => onAbort(ended.signal, resolve));
    stopPulling();
    await messages.close();
    if (!this.#sessions.signal.aborted) throw ended.signal.reason as Error;
  }

  #read(message: JsMsg, deliveredBefore: number, isCurrent: () => boolean): DeliveredMessage {
    const { stream } = this.#settings;
    const headers: Record<string, string> = {};
    for (const [name, values] of message.headers ?? []) headers[name.toLowerCase()] = values.join(',');
    const { [headerNames.id]: id, [headerNames.key]: key, ...others } = headers;
    const settle = (how: () => void) => () => {
      if (!isCurrent()) return;
      try {
        how();
      } catch {
        // The connection is gone: it comes again.
      }
    };
    return {
      id: fromHeader(id),
      topic: message.subject.slice(stream.length + 1),
      key: fromHeader(key),
      body: message.data,
      headers: others,
      redelivered: message.redelivered || message.seq <= deliveredBefore,
      isCurrent,
      ack: settle(() => message.ack()),
      // JetStream has no other place: the stream keeps the message, and its advisory says that it was given up.
      deadLetter: settle(() => message.term()),
    };
  }
}

/** A consumer, and up to where its predecessor has delivered. */
interface Taken {
  readonly name: string;
  readonly deliveredBefore: number;
}

/** The first message that may not have been acknowledged. */
function nextOf(info: ConsumerInfo | undefined): number {
  if (info === undefined) return 1;
  return Math.max(info.ack_floor.stream_seq + 1, info.config.opt_start_seq ?? 1);
}

async function consumerInfo(
  manager: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(stream, name);
  } catch (error) {
    if (isApiError(error, consumerNotFound)) return undefined;
    throw error;
  }
}
