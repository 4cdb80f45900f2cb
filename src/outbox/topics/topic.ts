import { type Check, checkedArgument, integer, readOptions, sharedByCopies } from '../../core/index.ts';
import { type AsJson, aValidator, validated, type Validator } from '../../payload/index.ts';
import { aTopicName } from '../broker/index.ts';

/** Options of `defineTopic`. */
export interface TopicOptions<Payload, Sent = Payload> {
  /**
   * Looks at each payload, before it is written and when it has come: a Standard Schema (Zod, Valibot, ArkType), or a function
   * that returns what is to be used and throws for what is not accepted. `publish` waits for it as long as its transaction may take,
   * a consumer as long as a handler may run. Default: any JSON.
   */
  readonly parse?: Validator<Sent, Payload> | undefined;
  /** The most bytes of JSON. A longer one is refused, and set aside where it comes in. Default 262,144. */
  readonly maxPayload?: number | undefined;
}

/** A topic of a broker, with the type of its payloads: `Payload` as handlers get it, `Sent` as it is published. */
export interface Topic<Payload = unknown, Sent = Payload> {
  /** Where its messages go. */
  readonly name: string;
  /** The most bytes of JSON. */
  readonly maxPayload: number;
  /** What is used in place of a payload. @throws InvalidPayloadError */
  readonly parse: (value: unknown) => Promise<Payload>;
  /** For the compiler alone: there is none. */
  readonly sent?: Sent;
}

const checks: Record<keyof TopicOptions<unknown>, Check> = {
  parse: aValidator,
  maxPayload: integer(1, 256 * 1024 * 1024, 'bytes'),
};

const topics = sharedByCopies('topics', () => new WeakSet<object>());

/** @throws InvalidOptionError for what `defineTopic` has not made */
export function checkTopic(owner: string, topic: unknown): void {
  checkedArgument(owner, 'topic', topic, (value) =>
    typeof value === 'object' && value !== null && topics.has(value) ? undefined : 'what defineTopic() returned',
  );
}

/**
 * Names a topic, with the type of its payloads.
 *
 * ```ts
 * import { defineTopic } from 'sluice/outbox';
 * const orders = defineTopic<{ readonly id: number }>('orders');
 * ```
 * @param name at most 100 letters, digits, `_` and `-`, with `.` between words
 * @throws InvalidOptionError
 */
export function defineTopic<Sent>(
  name: string,
  options?: TopicOptions<Sent> & { readonly parse?: undefined },
): Topic<AsJson<Sent>, Sent>;
export function defineTopic<Payload, Sent = Payload>(
  name: string,
  options?: TopicOptions<Payload, Sent>,
): Topic<Payload, Sent>;
export function defineTopic<Payload, Sent>(
  name: string,
  options: TopicOptions<Payload, Sent> = {},
): Topic<Payload, Sent> {
  checkedArgument('defineTopic', 'name', name, aTopicName);
  const { parse, maxPayload = 262_144 } = readOptions('defineTopic', options, checks);
  const what = `The payload of a message of the topic "${name}"`;
  const topic: Topic<Payload, Sent> = Object.freeze({
    name,
    maxPayload,
    parse: (value: unknown) => validated<Payload>(what, parse, value),
  });
  topics.add(topic);
  return topic;
}
