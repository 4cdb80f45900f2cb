/** A message on its way to a broker. */
export interface BrokerMessage {
  /** Identifies the message: the same on every delivery. Give it to a broker that knows duplicates. */
  readonly id: string;
  /** Where it goes: letters, digits, `_`, `-`, and `.` between words; at most 100 characters. */
  readonly topic: string;
  /** Messages with the same topic and key keep their order; undefined for one without an order. */
  readonly key: string | undefined;
  /** JSON in UTF-8. */
  readonly body: Uint8Array;
  /** To be sent along; printable ASCII. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What became of a message that was published. */
export interface PublishOutcome {
  /**
   * `accepted`: the broker has it, and keeps it when it crashes. `refused`: it never will, as it is: too large, no queue for it.
   * `unavailable`: not now, or it is not known; it comes again, with the same id. `skipped`: it was not sent, because one before
   * it with its key was not accepted.
   */
  readonly status: 'accepted' | 'refused' | 'unavailable' | 'skipped';
  /** Why it was refused, or what was not there. */
  readonly error?: unknown;
}

/** A message that a broker has delivered. */
export interface DeliveredMessage {
  /** As it was published; undefined where it came without one. */
  readonly id: string | undefined;
  /** The topic that it came under. */
  readonly topic: string;
  /** As it was published. */
  readonly key: string | undefined;
  /** As it came. */
  readonly body: Uint8Array;
  /** As they came. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the broker says that it may have been delivered before. */
  readonly redelivered: boolean;
  /** Whether it can still be settled: false when its connection is lost, after which it is delivered again. There is no other way back, since a message that went back alone would come behind those after it. */
  isCurrent(): boolean;
  /** It is done with. Never throws: what could not be told comes again. */
  ack(): void;
  /** It goes where the broker keeps what no consumer could take; where it has no such place, it is done with. Never throws. */
  deadLetter(reason: string): void;
}

/** What a consumer asks of a broker. */
export interface SubscribeOptions {
  /** Whose messages. */
  readonly topic: string;
  /** Each group gets each message once, whichever of its processes takes it. Letters, digits, `_` and `-`. */
  readonly group: string;
  /** The most messages that are delivered and not settled. */
  readonly prefetch: number;
  /** Takes a message. Never throws. */
  readonly onMessage: (message: DeliveredMessage) => void;
  /** Is told why a connection was lost or could not be made, once until it is there again; the broker goes on trying. */
  readonly onError: (error: unknown) => void;
}

/** Messages of a topic that are delivered to a group. */
export interface Subscription {
  /**
   * Resolves when the group is known to the broker, so that what is published from now on reaches it. Rejects when the
   * subscription is closed before, which need not be handled.
   */
  readonly ready: Promise<void>;
  /** Lets no more messages be delivered. What was delivered can still be settled. */
  pause(): Promise<void>;
  /** Ends it: what was delivered and is not settled is delivered again, to another process of the group. */
  close(): Promise<void>;
}

/**
 * A message broker, as an adapter brings it. Its rules:
 *
 * - `publish` answers for each message, in their order, and never rejects. It sends a message only when those before it with the
 *   same topic and key are accepted.
 * - A message that was accepted is delivered to each group that was known, until it is acknowledged, however often processes and
 *   connections die.
 * - A group's messages of one topic are delivered to one process at a time, in the order in which they were accepted. When
 *   another process takes over, or a connection was lost, it begins with the first that is not settled: none is left behind.
 * - What is delivered and not settled is never more than `prefetch` on one connection.
 */
export interface MessageBroker {
  /** Names the kind of broker: `nats`. */
  readonly name: string;
  /** Sends messages. */
  publish(messages: readonly BrokerMessage[]): Promise<readonly PublishOutcome[]>;
  /** Begins to deliver. It returns at once, and tries until it can, and again after each loss. */
  subscribe(options: SubscribeOptions): Subscription;
  /** Ends all subscriptions and the connection. */
  close(): Promise<void>;
}
