import { isRecord } from '../core/index.ts';
import { toJson } from '../payload/index.ts';
import type { BrokerMessage, MessageBroker, PublishOutcome } from './broker/index.ts';
import { RelayUnavailableError } from './errors.ts';
import type { OutboxMessage, UndeliveredMessage } from './message.ts';
import { seal, type Topic } from './topics/index.ts';

/** What is in the outbox's row for a message to a broker. */
interface WrittenMessage {
  readonly payload: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @throws UnserializableError, PayloadTooLargeError, InvalidPayloadError */
export async function messagePayload(
  topic: Topic,
  payload: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<WrittenMessage> {
  const what = `The payload of a message of the topic "${topic.name}"`;
  const { value } = toJson(what, payload ?? null, topic.maxPayload, 'the topic');
  await topic.parse(value);
  return { payload: value, ...(Object.keys(headers).length === 0 ? {} : { headers }) };
}

/** Hands messages of the outbox over to a broker. */
export class BrokerDelivery {
  readonly #broker: MessageBroker;
  readonly #secret: string | undefined;

  /** @param secret signs what goes along */
  constructor(broker: MessageBroker, secret: string | undefined) {
    this.#broker = broker;
    this.#secret = secret;
  }

  /** @returns those that were not accepted */
  async deliver(messages: readonly OutboxMessage[]): Promise<readonly UndeliveredMessage[]> {
    const outcomes = await this.#broker.publish(messages.map((message) => this.#toSend(message)));
    return messages.flatMap(({ id }, at) => {
      const outcome: PublishOutcome = outcomes[at] ?? { status: 'unavailable' };
      return outcome.status === 'accepted' ? [] : [{ id, error: this.#errorOf(outcome) }];
    });
  }

  #errorOf(outcome: PublishOutcome): unknown {
    if (outcome.status === 'refused') return outcome.error ?? new Error('The broker refused the message');
    if (outcome.status !== 'unavailable') return undefined;
    return new RelayUnavailableError({
      what: `The broker ${this.#broker.name} took no messages`,
      remedy: 'They stay in the outbox and are tried again. Check that its server runs',
      cause: outcome.error,
    });
  }

  /** Signed now, and not when it was written: it may have waited for long. */
  #toSend({ id, queue: topic, key, payload: written, context }: OutboxMessage): BrokerMessage {
    const { payload, headers = {} } = isRecord(written) ? (written as unknown as WrittenMessage) : { payload: written };
    const body = Buffer.from(JSON.stringify(payload ?? null));
    const { traceparent, tracestate, ...values } = context as Readonly<Record<string, unknown>>;
    const trace = {
      ...(typeof traceparent === 'string' ? { traceparent } : {}),
      ...(typeof tracestate === 'string' ? { tracestate } : {}),
    };
    const sealed =
      this.#secret === undefined ? {} : seal({ id, topic, key, body }, { context: values, headers }, this.#secret);
    return { id, topic, key, body, headers: { ...headers, ...trace, ...sealed } };
  }
}
