// Keys that differ by blanks at their end alone: each is a key of its own, on every engine.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import {
  addToOutbox,
  createOutboxTables,
  createRelay,
  findInInbox,
  type OutboxMessage,
  recordInInbox,
} from '../../src/outbox/index.ts';
import { createIdempotencyTables, idempotent } from '../../src/ports/idempotency/index.ts';
import { createSagas, createSagaTables, defineSaga } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase();
const quick = { pollInterval: 20, retryDelay: 10 } as const;
const stops: (() => Promise<void>)[] = [];
let database: Database<'default'>;

beforeEach(async () => {
  database = server.open({ max: 4 });
  await createSagaTables(database.current);
  await createOutboxTables(database.current);
  await createIdempotencyTables(database.current);
});
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

it('steps, signals and ids of sagas', async () => {
  const charged: string[] = [];
  const order = defineSaga('blanks', async (saga, n: number) => {
    const pay = async (name: string): Promise<number> =>
      await saga.step(name, { transactional: false }, () => charged.push(`${saga.id}|${name}`));
    await pay('pay');
    await pay('pay ');
    const go = await saga.waitFor<number>('go');
    return [n, go, await saga.waitFor<number>('go ')];
  });
  const sagas = createSagas(database, { sagas: { order }, ...quick });
  stops.push(() => sagas.stop({ timeout: 1_000 }));
  const one = await sagas.order.start(1, { id: 'Y' });
  const other = await sagas.order.start(2, { id: 'Y ' });
  for (const id of ['Y', 'Y ']) {
    await sagas.signal(id, 'go', 3);
    await sagas.signal(id, 'go ', 4);
  }
  expect(await one.result({ timeout: 10_000 })).toEqual([1, 3, 4]);
  expect(await other.result({ timeout: 10_000 })).toEqual([2, 3, 4]);
  expect(charged.toSorted()).toEqual(['Y |pay', 'Y |pay ', 'Y|pay', 'Y|pay ']);
});

it('ids of messages and consumers in the inbox', async () => {
  for (const consumer of ['mail', 'mail ']) {
    for (const id of ['order 1', 'order 1 ']) {
      await recordInInbox(database.current, consumer, id, JSON.stringify(`${consumer}|${id}`));
    }
  }
  expect(await findInInbox(database.current, 'mail ', ['order 1', 'order 1 '])).toEqual(
    new Map([
      ['order 1', '"mail |order 1"'],
      ['order 1 ', '"mail |order 1 "'],
    ]),
  );
});

it('channels of the outbox, and keys by which it keeps the order', async () => {
  const add = (channel: string, key: string, payload: number): Promise<void> =>
    addToOutbox(database.current, [{ channel, queue: 'order', key, payload }]);
  await add('nats', 'k', 1);
  await add('nats', 'k ', 2);
  await add('nats ', 'k', 3);
  const delivered: unknown[] = [];
  const deliver = async (messages: readonly OutboxMessage[]): Promise<void> => {
    if (messages.some(({ payload }) => payload === 1)) throw new Error('it is not taken yet');
    delivered.push(...messages.map(({ payload }) => payload));
    await Promise.resolve();
  };
  const relay = createRelay(database, { channel: 'nats', deliver, batchSize: 1, pollInterval: 20, retryDelay: 60_000 });
  stops.push(() => relay.stop());
  relay.start();
  await until('the other key is delivered', () => delivered.length > 0);
  await relay.stop();
  expect(delivered).toEqual([2]);
});

it('keys of idempotent calls', async () => {
  const call = async (key: string): Promise<string> =>
    (await idempotent(database, { key, scope: 's', fingerprint: 'f' }, () => key)).value;
  expect(await call('k')).toBe('k');
  expect(await call('k ')).toBe('k ');
});
