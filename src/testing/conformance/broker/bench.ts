import type { BrokerMessage, DeliveredMessage, MessageBroker, Subscription } from '../../../outbox/index.ts';

/** Where one check is made. */
export interface BrokerFixture {
  /** Makes a broker as another process of the same system would. Called several times. */
  readonly open: () => MessageBroker;
  /** Deletes what is left on the server, after all brokers were closed. */
  readonly drop?: (() => Promise<void>) | undefined;
}

/** A group's messages as a check sees them. */
export interface Reader {
  readonly subscription: Subscription;
  /** What was delivered, in its order. */
  readonly messages: DeliveredMessage[];
  /** The bodies, as text. */
  bodies(): readonly string[];
}

export class BrokerBench {
  readonly topic = 'orders.placed';
  readonly #fixture: BrokerFixture;
  readonly #brokers: MessageBroker[] = [];

  constructor(fixture: BrokerFixture) {
    this.#fixture = fixture;
  }

  open(): MessageBroker {
    const broker = this.#fixture.open();
    this.#brokers.push(broker);
    return broker;
  }

  /** @param acks whether what comes is acknowledged at once */
  async read(
    broker: MessageBroker,
    { group = 'stock', prefetch = 100, acks = true }: { group?: string; prefetch?: number; acks?: boolean } = {},
  ): Promise<Reader> {
    const messages: DeliveredMessage[] = [];
    const subscription = broker.subscribe({
      topic: this.topic,
      group,
      prefetch,
      onMessage: (message) => {
        messages.push(message);
        if (acks) message.ack();
      },
      onError: () => {},
    });
    await subscription.ready;
    return { subscription, messages, bodies: () => messages.map(({ body }) => textOf(body)) };
  }

  /** A message of the topic; its body is a JSON text. */
  message(text: string, options: Partial<BrokerMessage> = {}): BrokerMessage {
    return {
      id: `id of ${text}`,
      topic: this.topic,
      key: 'product 7',
      body: new TextEncoder().encode(JSON.stringify(text)),
      headers: {},
      ...options,
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#brokers.map((broker) => broker.close()));
    await this.#fixture.drop?.();
  }
}

function textOf(body: Uint8Array): string {
  return JSON.parse(new TextDecoder().decode(body)) as string;
}
