// Headers of messages: what is wrong with those that are refused, and what a message from elsewhere lacks.
import { expect, it } from 'vitest';
import { defineTopic } from '../../src/outbox/index.ts';
import { readHeaders } from '../../src/outbox/topics/index.ts';
import { openMessage } from '../../src/outbox/topics/open-message.ts';
import { rejection } from '../support/settled.ts';

const refused = (headers: unknown): Promise<Error & Record<string, unknown>> =>
  rejection((async () => readHeaders('publish', headers))());

it.each(['traceparent', 'tracestate', 'sluice-id', 'nats-msg-id', 'x-death'])(
  'the header %s is refused as one of Sluice or the broker',
  async (name) => {
    expect(await refused({ source: 'shop', [name]: 'x' })).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(
        `publish got a header "${name}", which Sluice or the broker writes itself`,
      ) as string,
      remedy: expect.stringContaining('traceparent, tracestate and what begins with sluice-, nats- or x-') as string,
    });
  },
);

it.each<[string, unknown, string]>([
  ['a name', { Source: 'shop' }, 'a header whose name cannot be sent'],
  ['a value', { source: 'a\nb' }, 'a value of the header "source" that cannot be sent'],
  ['a type', { source: 1 }, 'the number'],
  ['a count', Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`h${at}`, ''])), '33 headers'],
])('headers are refused with what is wrong with them: %s', async (_, headers, what) => {
  expect(await refused(headers)).toMatchObject({ message: expect.stringContaining(`publish got ${what}`) as string });
});

it('a message without an id is set aside with where a broker has it', async () => {
  const orders = defineTopic<{ readonly id: number }>('orders');
  const message = { id: undefined, topic: 'orders', key: undefined, body: Buffer.from('{}'), headers: {} };
  const trust = { secrets: [], maxAge: 1_000, maxLevel: 1, clientName: 'default' };
  const limit = { maxRuntime: 1_000, ending: new AbortController().signal };
  expect(await openMessage(orders, message, trust, limit)).toEqual({
    reason: 'malformed',
    error: 'it has no id: NATS has it in the header sluice-id, RabbitMQ in messageId',
  });
});
