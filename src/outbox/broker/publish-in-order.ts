import type { BrokerMessage, PublishOutcome } from './message-broker.ts';

const skipped: PublishOutcome = { status: 'skipped' };

/**
 * Publishes messages at once, but those with the same topic and key one after the other, and none behind one that was not
 * accepted. For adapters.
 *
 * ```ts
 * const outcomes = await publishInOrder([], async () => ({ status: 'accepted' }));
 * ```
 * @param send sends one message; never rejects
 */
export async function publishInOrder(
  messages: readonly BrokerMessage[],
  send: (message: BrokerMessage) => Promise<PublishOutcome>,
): Promise<readonly PublishOutcome[]> {
  const lines = new Map<string, Promise<PublishOutcome>>();
  return await Promise.all(
    messages.map((message) => {
      if (message.key === undefined) return send(message);
      const line = JSON.stringify([message.topic, message.key]);
      const before = lines.get(line);
      const sent = before === undefined ? send(message) : sendBehind(before, message, send);
      lines.set(line, sent);
      return sent;
    }),
  );
}

async function sendBehind(
  before: Promise<PublishOutcome>,
  message: BrokerMessage,
  send: (message: BrokerMessage) => Promise<PublishOutcome>,
): Promise<PublishOutcome> {
  return (await before).status === 'accepted' ? await send(message) : skipped;
}
