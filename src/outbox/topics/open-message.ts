import { contextChecks } from '../../context/index.ts';
import { describeThrown, onAbort, systemClock } from '../../core/index.ts';
import { decodeContext, InvalidContextError, type ReceivedContext } from '../../envelope/index.ts';
import type { DeliveredMessage } from '../broker/index.ts';
import { HandlerTimeoutError } from './errors.ts';
import { ownHeaders } from './message-headers.ts';
import { parsePlainJson } from './plain-json.ts';
import { type SealContent, unseal } from './seal.ts';
import type { Topic } from './topic.ts';

/**
 * Why a message was set aside. `malformed`: it has no id, or what came is no JSON that may be used. `invalid`: the validator of its
 * topic refused its payload. `untrusted`: it is not signed with the secret, or was changed. `foreign`: it is of another topic.
 * `too large`: it has more bytes than its topic allows. `failed`: its handler has failed too often.
 */
export type ParkReason = 'malformed' | 'invalid' | 'untrusted' | 'foreign' | 'too large' | 'failed';

/** A message that may be handled, or why it may not. */
export type OpenedMessage<Payload> =
  | {
      readonly id: string;
      readonly payload: Payload;
      readonly context: ReceivedContext;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly reason: ParkReason; readonly error: string };

/** What is known of the senders. */
export interface Trust {
  readonly secrets: readonly string[];
  readonly maxAge: number;
  readonly maxLevel: number;
  readonly clientName: string;
}

/** How long the validator of a topic is waited for. */
export interface ValidationLimit {
  /** In milliseconds. */
  readonly maxRuntime: number;
  /** Aborts when the consumer does not wait any longer. */
  readonly ending: AbortSignal;
}

/** What of a message decides whether it may be handled. */
export type MessageToOpen = Pick<DeliveredMessage, 'id' | 'topic' | 'key' | 'body' | 'headers'>;

/**
 * Looks at a message from outside before anything is made of it. Nothing in `error` is of the payload.
 * @throws HandlerTimeoutError where the validator does not end in time, and the reason of `ending`: the message itself may be used
 */
export async function openMessage<Payload>(
  topic: Topic<Payload, unknown>,
  message: MessageToOpen,
  trust: Trust,
  limit: ValidationLimit,
): Promise<OpenedMessage<Payload>> {
  const { id, body, key, headers } = message;
  if (body.byteLength > topic.maxPayload) {
    return { reason: 'too large', error: `it has ${body.byteLength} bytes; its topic allows ${topic.maxPayload}` };
  }
  if (message.topic !== topic.name) return { reason: 'foreign', error: 'it came under another topic' };
  if (id === undefined || id === '') {
    return { reason: 'malformed', error: 'it has no id: NATS has it in the header sluice-id, RabbitMQ in messageId' };
  }
  if (id.length > 500) return { reason: 'malformed', error: 'its id is too long' };
  // The inbox could not note it.
  if (id.includes('\0')) return { reason: 'malformed', error: 'its id has a zero byte' };
  if (key !== undefined && key.length > 500) return { reason: 'malformed', error: 'its key is too long' };
  let content: { readonly context: ReceivedContext; readonly headers: SealContent['headers']; readonly json: unknown };
  try {
    const found = contentOf({ id, topic: topic.name, key, body }, headers, trust);
    if ('refusal' in found) return { reason: 'untrusted', error: found.refusal };
    const context = receivedContext(found.content.context, headers, trust);
    content = { context, headers: found.content.headers, json: parsePlainJson(body) };
  } catch (error) {
    if (error instanceof InvalidContextError) return { reason: 'untrusted', error: 'its context was refused' };
    return { reason: 'malformed', error: describeThrown(error).message };
  }
  const payload = await within(limit, topic.name, id, parsed(topic, content.json));
  if ('error' in payload) return { reason: 'invalid', error: payload.error };
  return { id, payload: payload.value, context: content.context, headers: content.headers };
}

function contentOf(
  message: { readonly id: string; readonly topic: string; readonly key: string | undefined; readonly body: Uint8Array },
  headers: Readonly<Record<string, string>>,
  trust: Trust,
): { readonly content: SealContent } | { readonly refusal: string } {
  // Without a secret nothing but the trace is taken, as from any caller.
  if (trust.secrets.length === 0) return { content: { context: {}, headers: ownHeaders(headers) } };
  return unseal(message, headers, trust);
}

/** A trace that is none is left out, as W3C Trace Context asks. */
function receivedContext(
  context: object,
  { traceparent, tracestate }: Readonly<Record<string, string>>,
  { maxLevel, clientName }: Trust,
): ReceivedContext {
  const isTraced = traceparent !== undefined && contextChecks.traceparent(traceparent) === undefined;
  const isStated = isTraced && tracestate !== undefined && contextChecks.tracestate(tracestate) === undefined;
  const trace = { ...(isTraced ? { traceparent } : {}), ...(isStated ? { tracestate } : {}) };
  return { ...decodeContext({ ...context, ...trace, level: 0 }, maxLevel), clientName };
}

async function parsed<Payload>(
  topic: Topic<Payload, unknown>,
  value: unknown,
): Promise<{ readonly value: Payload } | { readonly error: string }> {
  try {
    return { value: await topic.parse(value) };
  } catch (error) {
    return { error: describeThrown(error).message };
  }
}

async function within<Value>(
  { maxRuntime, ending }: ValidationLimit,
  topic: string,
  messageId: string,
  validation: Promise<Value>,
): Promise<Value> {
  const { promise: end, reject } = Promise.withResolvers<never>();
  const unfollow = onAbort(ending, () => reject(ending.reason));
  const what = `The validator of the topic "${topic}" did not end within ${maxRuntime} ms`;
  const remedy = 'Find what "parse" of defineTopic() waits for, or raise maxRuntime of consume()';
  const cancel = systemClock.setTimer(
    () => reject(new HandlerTimeoutError({ what, remedy, messageId })),
    maxRuntime,
    true,
  );
  try {
    return await Promise.race([validation, end]);
  } finally {
    cancel();
    unfollow();
  }
}
