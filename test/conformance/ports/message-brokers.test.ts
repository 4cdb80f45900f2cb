import { describe, expect, it } from 'vitest';
import type { DeliveredMessage, MessageBroker, SubscribeOptions } from '../../../src/outbox/index.ts';
import { messageBrokerSuite, register } from '../../../src/testing/conformance/index.ts';
import { brokerKinds } from '../../support/brokers.ts';
import { memoryBroker } from '../../support/memory-broker.ts';
import { describeWith } from '../../support/servers.ts';
import { expectFound, failuresOf } from './negative-controls.ts';

for (const kind of brokerKinds) {
  let made = 0;
  const make = (): ReturnType<typeof kind.place> => {
    made += 1;
    return kind.place(`port-${process.pid}-${made}`);
  };
  await describeWith(kind.server, kind.server, () => {
    register(messageBrokerSuite({ name: kind.name, timeout: 15_000, make }), { describe, it });
  });
}

describe('a broken message broker', () => {
  const suiteOn = (
    breaking: (broker: MessageBroker) => Partial<MessageBroker>,
  ): ReturnType<typeof messageBrokerSuite> =>
    messageBrokerSuite({
      name: 'broken',
      timeout: 1_000,
      make() {
        const open = memoryBroker();
        return {
          open() {
            const broker = open();
            return { ...broker, ...breaking(broker) };
          },
        };
      },
    });
  const withOptions =
    (change: (options: SubscribeOptions) => SubscribeOptions) =>
    (broker: MessageBroker): Partial<MessageBroker> => ({
      subscribe: (options) => broker.subscribe(change(options)),
    });
  const withMessages = (change: (message: DeliveredMessage) => Partial<DeliveredMessage>) =>
    withOptions((options) => ({
      ...options,
      onMessage: (message) => options.onMessage({ ...message, ...change(message) }),
    }));

  it('is not found where nothing is broken', async () => {
    expect([...(await failuresOf(suiteOn(() => ({}))))]).toEqual([]);
  });

  it.each<[name: string, message: RegExp, breaking: (broker: MessageBroker) => Partial<MessageBroker>]>([
    [
      'delivers a message with its id, topic, key, headers and body',
      /"key": expected 'key ü\.\*>', found undefined/,
      withMessages(() => ({ key: undefined })),
    ],
    [
      'says of each message of a batch whether it was accepted, in their order',
      /what publish says: expected/,
      (broker) => ({ publish: async (messages) => (await broker.publish(messages)).slice(1) }),
    ],
    [
      'delivers a message of a key after those before it',
      /the order: expected/,
      (broker) => ({ publish: (messages) => broker.publish(messages.toReversed()) }),
    ],
    [
      'gives each group each message once',
      /did not end|what the/,
      withOptions((options) => ({ ...options, group: 'all' })),
    ],
    [
      'delivers to one process of a group at a time',
      /how many each of the processes got: expected|did not end/,
      (() => {
        let opened = 0;
        return (broker: MessageBroker) => {
          opened += 1;
          const suffix = opened;
          return {
            subscribe: (options: SubscribeOptions) =>
              broker.subscribe({ ...options, group: `${options.group}${suffix}` }),
          };
        };
      })(),
    ],
    [
      'begins with the first message that is not settled when another process takes over',
      /did not end|what the next process got/,
      // The acknowledgement before the commit.
      withOptions((options) => ({
        ...options,
        onMessage: (message) => {
          message.ack();
          options.onMessage({ ...message, ack: () => {} });
        },
      })),
    ],
    [
      'does not deliver again what was acknowledged or given up',
      /what came again: expected \[ 'message 2' \]/,
      withMessages(() => ({ deadLetter: () => {} })),
    ],
    [
      'delivers no more than "prefetch" messages that are not settled',
      /no more are delivered than may be/,
      withOptions((options) => ({ ...options, prefetch: options.prefetch + 1 })),
    ],
    [
      'never rejects: what is published after it was closed is unavailable',
      /It threw Error: closed/,
      (broker) => {
        let isClosed = false;
        return {
          publish: (messages) => (isClosed ? Promise.reject(new Error('closed')) : broker.publish(messages)),
          close: () => {
            isClosed = true;
            return broker.close();
          },
        };
      },
    ],
  ])('is found by: %s', async (name, message, breaking) => {
    await expectFound(suiteOn(breaking), name, message);
  });
});
