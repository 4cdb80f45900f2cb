import {
  createOutbox,
  defineTopic,
  listReceived,
  type MessageBroker,
  type Outbox,
  receivedCounts,
} from '../../src/outbox/index.ts';
import { nats } from '../../src/outbox/nats/index.ts';
import { rabbitmq } from '../../src/outbox/rabbitmq/index.ts';
import type { Place, Row } from './row.ts';
import * as domain from './values.ts';

/** One that takes nothing and delivers nothing. */
export const broker: MessageBroker = {
  name: 'none',
  publish: () => Promise.resolve([]),
  subscribe: () => ({
    ready: Promise.resolve(),
    pause: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }),
  close: () => Promise.resolve(),
};
const orders = defineTopic('orders');
const outbox = ({ database }: Place): Outbox => createOutbox(database, { broker });
const aName: domain.Domain = {
  good: ['shop'],
  accepts: (value) => typeof value === 'string' && /^[A-Za-z0-9_-]{1,60}$/.test(value),
};
const aGroup: domain.Domain = { ...aName, accepts: (value) => aName.accepts(value) };
const settings: domain.Domain = {
  good: [{}],
  accepts(value) {
    try {
      return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
    } catch {
      return false;
    }
  },
};

/** Outboxes over brokers, topics and consumers. */
export const brokerRows: readonly Row[] = [
  {
    interface: 'OutboxOptions',
    entrance: 'createOutbox',
    call: (options, { database }) => createOutbox(database, options),
    base: () => ({ broker }),
    codes: ['UNKNOWN_CLIENT'],
    options: {
      broker: domain.some(broker),
      clientName: domain.only('default'),
      channel: domain.words(200),
      batchSize: domain.whole(1, 10_000),
      pollInterval: domain.milliseconds(10, domain.timer),
      maxAttempts: domain.whole(1, 1_000),
      retryDelay: domain.milliseconds(1, domain.timer),
      inboxRetention: domain.milliseconds(1_000, 365 * 86_400_000),
      secret: domain.either(domain.some('a secret of the system', ['a secret of the system']), {
        good: [],
        accepts: (value) => typeof value === 'string' && value.length >= 16 && !value.includes('\0'),
      }),
      maxAge: domain.milliseconds(1, domain.timer),
    },
  },
  {
    interface: 'PublishOptions',
    entrance: 'publish',
    call: (options, place) => outbox(place).publish(orders, { id: 1 }, options),
    options: {
      key: domain.words(500),
      headers: { ...settings, good: [{}, { source: 'shop' }] },
      id: domain.words(500),
    },
  },
  {
    interface: 'ConsumeOptions',
    entrance: 'consume',
    call: (options, place) =>
      outbox(place)
        .consume(orders, () => {}, options)
        .stop(),
    base: () => ({ group: 'stock' }),
    options: {
      group: aGroup,
      concurrency: domain.whole(1, 10_000),
      attempts: domain.whole(1, 1_000),
      retryDelay: domain.milliseconds(1, domain.timer),
      maxRuntime: domain.milliseconds(1, domain.timer),
      replayInterval: domain.milliseconds(10, domain.timer),
    },
  },
  {
    interface: 'ConsumerStopOptions',
    entrance: 'stop',
    call: (options, place) =>
      outbox(place)
        .consume(orders, () => {}, { group: 'stock' })
        .stop(options),
    options: { timeout: domain.milliseconds(0, domain.timer) },
  },
  {
    interface: 'ReceivedParkedOptions',
    entrance: 'parked',
    call: (options, place) => outbox(place).parked(orders, options),
    base: () => ({ group: 'stock' }),
    options: {
      group: aGroup,
      limit: domain.whole(1, 1_000),
      cursor: domain.some('17'),
      withBody: domain.truth,
    },
  },
  {
    interface: 'ReceivedParkedOptions',
    entrance: 'listReceived',
    call: (options, { database }) => listReceived(database.current, 'orders', options),
    base: () => ({ group: 'stock' }),
    options: {
      group: aGroup,
      limit: domain.whole(1, 1_000),
      cursor: domain.some('17'),
      withBody: domain.truth,
    },
  },
  {
    interface: 'ReceivedCountsOptions',
    entrance: 'receivedCounts',
    call: (options, { database }) => receivedCounts(database.current, options),
    options: { limit: domain.whole(1, 100_000_000) },
  },
  {
    interface: 'TopicOptions',
    entrance: 'defineTopic',
    call: (options) => defineTopic('orders', options),
    options: { parse: domain.called(), maxPayload: domain.bytes(1, 256 * 1024 * 1024) },
  },
  {
    interface: 'NatsOptions',
    entrance: 'nats',
    call: (options) => nats(options),
    options: {
      connection: settings,
      stream: aName,
      lostAfter: domain.milliseconds(500, 86_400_000),
    },
  },
  {
    interface: 'RabbitmqOptions',
    entrance: 'rabbitmq',
    call: (options) => rabbitmq(options),
    options: { connection: settings, exchange: aName },
  },
];
