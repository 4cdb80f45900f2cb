import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, expect, it } from 'vitest';
import { type RelayTrace, type StatementTrace, traceNames } from '../../src/index.ts';
import {
  addToOutbox,
  createOutbox,
  createOutboxTables,
  defineTopic,
  type BrokerMessage,
  type MessageBroker,
  type Outbox,
  type PublishOutcome,
} from '../../src/outbox/index.ts';
import { itWith, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const orders = defineTopic<number>('orders');
const stops: (() => void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await server.sql('delete from sluice_outbox');
});
const batchSize = 5;

/** Takes batches, and says what becomes of each message. */
function brokerOf(publish: (messages: readonly BrokerMessage[]) => Promise<readonly PublishOutcome[]>): MessageBroker {
  return {
    name: 'test',
    publish,
    subscribe: () => {
      throw new Error('nothing is consumed here');
    },
    close: () => Promise.resolve(),
  };
}

async function open(publish: Parameters<typeof brokerOf>[0], count: number): Promise<Outbox> {
  const database = server.open();
  await createOutboxTables(database.current);
  const messages = Array.from({ length: count }, (_, n) => ({
    channel: 'broker/test',
    queue: orders.name,
    id: String(n),
    key: `customer ${n % 3}`,
    payload: { payload: n },
  }));
  await addToOutbox(database.current, messages);
  return createOutbox(database, { broker: brokerOf(publish), batchSize, retryDelay: 60_000 });
}

const accepted = (messages: readonly BrokerMessage[]): PublishOutcome[] => messages.map(() => ({ status: 'accepted' }));
const waiting = async (): Promise<string[]> =>
  (await server.sql('select job_id from sluice_outbox order by id')).map((row) => String(row['job_id']));
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, at) => String(from + at));

/** What has ended from now on. */
function ended(name: string): readonly unknown[] {
  const found: unknown[] = [];
  const subscriber = { asyncEnd: (event: unknown) => void found.push(event) };
  const channel = tracingChannel(name);
  channel.subscribe(subscriber as never);
  stops.push(() => channel.unsubscribe(subscriber as never));
  return found;
}

itWith('several writers')(
  'hands over several batches in a transaction, each message once and in their order',
  async () => {
    const sent: string[] = [];
    const publish = (messages: readonly BrokerMessage[]): Promise<readonly PublishOutcome[]> => {
      sent.push(...messages.map(({ id }) => id));
      return Promise.resolve(accepted(messages));
    };
    const outbox = await open(publish, 73);
    const found = ended(traceNames.relay) as readonly RelayTrace[];
    expect(await outbox.drain()).toBe(73);
    expect(sent).toEqual(numbers(0, 73));
    expect(await waiting()).toEqual([]);
    expect(outbox.delivered).toBe(73);
    // The first batch shows how long one takes; then there are eight in a transaction.
    expect(found.map(({ delivered }) => delivered)).toEqual([5, 40, 28]);
  },
);

itWith('several writers')(
  'claims the next batch while one is published, and never sends it before that is accepted',
  async () => {
    let running = 0;
    let most = 0;
    const statements = ended(traceNames.statement) as readonly StatementTrace[];
    const claims = (): number => statements.filter(({ text }) => text.includes('sluice_outbox message')).length;
    const publish = async (messages: readonly BrokerMessage[]): Promise<readonly PublishOutcome[]> => {
      running += 1;
      most = Math.max(most, running);
      // That of the round before, its own, and the next one.
      if (messages[0]?.id === '5') await until('the next batch is claimed', () => claims() === 3);
      running -= 1;
      return accepted(messages);
    };
    const outbox = await open(publish, 20);
    expect(await outbox.drain()).toBe(20);
    expect(most).toBe(1);
  },
);

it('commits what was accepted before a failure, keeps its key back, and leaves the next batch alone', async () => {
  const sent: string[][] = [];
  const publish = (messages: readonly BrokerMessage[]): Promise<readonly PublishOutcome[]> => {
    sent.push(messages.map(({ id }) => id));
    return Promise.resolve(
      messages.map(({ id }) =>
        id === '12' ? { status: 'refused', error: new Error('too large') } : { status: 'accepted' },
      ),
    );
  };
  const outbox = await open(publish, 30);
  await outbox.drain();
  // Of customer 0, whose message was refused, nothing is sent behind it.
  const later = numbers(13, 30).filter((id) => Number(id) % 3 === 0 && Number(id) > 14);
  expect(sent.flat().filter((id) => later.includes(id))).toEqual([]);
  expect(await waiting()).toEqual(['12', ...later]);
  expect(sent.flat().length).toBe(new Set(sent.flat()).size);
});

it('commits what was accepted before the broker went away', async () => {
  let isAway = false;
  const publish = (messages: readonly BrokerMessage[]): Promise<readonly PublishOutcome[]> => {
    isAway ||= messages[0]?.id === '15';
    return Promise.resolve(isAway ? messages.map(() => ({ status: 'unavailable' })) : accepted(messages));
  };
  const outbox = await open(publish, 30);
  expect(await rejection(outbox.drain())).toMatchObject({ code: 'RELAY_UNAVAILABLE' });
  expect(await waiting()).toEqual(numbers(15, 30));
  expect(outbox.delivered).toBe(15);
});
