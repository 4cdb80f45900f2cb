import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/index.ts';
import type { ReceivedList } from '../../src/inspector/work-views.ts';
import { createOutbox, createOutboxTables, defineTopic, listReceived, type Outbox } from '../../src/outbox/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { until } from '../support/settled.ts';
import { codeOf, type Open, openInspector, post, shown } from './inspector-client.ts';

const server = useTestDatabase();
const orders = defineTopic<{ orderId: number; card: string }>('orders.placed', { maxPayload: 100 });
const path = '/api/received/stock%2Forders.placed';

beforeEach(async () => {
  for (const table of ['sluice_outbox', 'sluice_inbox', 'sluice_parked_message'])
    await server.sql(`drop table if exists ${table}`);
});

/** An outbox whose consumer `stock` has set aside what its handler refuses, and what is too large. */
async function openOutbox(database: Database, handle: (orderId: number) => void): Promise<Outbox> {
  await createOutboxTables(database.current);
  const broker = memoryBroker()();
  const outbox = createOutbox(database, { broker });
  onTestFinished(async () => {
    await outbox.stop({ timeout: 1_000 });
    await broker.close();
  });
  const options = { group: 'stock', attempts: 1, retryDelay: 1, replayInterval: 20 };
  outbox.consume(orders, ({ orderId }) => handle(orderId), options);
  await outbox.publish(orders, { orderId: 1, card: 'canary-4242' }, { id: 'first', key: 'customer 7' });
  await outbox.drain();
  const parked = async (): Promise<number> =>
    (await listReceived(database.current, 'orders.placed', { group: 'stock' })).messages.length;
  await until('the first is set aside', async () => (await parked()) === 1);
  const body = Buffer.from(JSON.stringify({ orderId: 2, card: 'canary'.repeat(100) }));
  await broker.publish([{ topic: 'orders.placed', id: 'second', key: undefined, headers: {}, body }]);
  await until('both are set aside', async () => (await parked()) === 2);
  return outbox;
}

const listOf = async (open: Open): Promise<ReceivedList> =>
  JSON.parse((await open.get('/api/received?consumer=stock%2Forders.placed')).text) as ReceivedList;

describe('the messages that consumers have set aside', () => {
  it('are counted by group and topic, and listed with reason and error, without payloads', async () => {
    const database = server.open();
    await openOutbox(database, () => {
      throw new Error('sold <b>out</b>');
    });
    const open = await openInspector({ database, outbox: database.current, payloads: true });
    const now = await shown(open, ({ received }) => received.length > 0);
    expect(now.received).toEqual([{ name: 'stock/orders.placed', received: { parked: 2 }, due: 0, atLeast: [] }]);
    const list = await listOf(open);
    expect(list).toMatchObject({
      hasMore: false,
      messages: [
        {
          consumer: 'stock/orders.placed',
          id: 'first',
          key: 'customer 7',
          reason: 'failed',
          error: 'Error: sold <b>out</b>',
          attempts: 1,
          isDue: false,
        },
        { id: 'second', reason: 'too large' },
      ],
    });
    expect(JSON.stringify([now, list])).not.toContain('canary');
    for (const consumer of ['', 'stock', 'stock%2F', 'stock%2Forders%2Fmore'])
      expect((await open.get(`/api/received?consumer=${consumer}`)).status).toBe(404);
    expect(codeOf(await open.get('/api/received?consumer=stock%2Fno%20topic'))).toBe('INVALID_OPTION');
  });

  it('are replayed and discarded by POST, where that is allowed', async () => {
    const database = server.open();
    let isMended = false;
    const handled: number[] = [];
    await openOutbox(database, (orderId) => {
      if (!isMended) throw new Error('sold out');
      handled.push(orderId);
    });
    const looking = await openInspector({ database, outbox: database.current });
    const open = await openInspector({ database, outbox: database.current, actions: true });
    const [first, second] = (await listOf(open)).messages.map(({ number }) => number);
    expect(codeOf(await post(looking, `${path}/${first}/replay`))).toBe('NO_ACTIONS');
    expect((await open.get(`${path}/${first}/replay`)).status).toBe(405);
    const nothing = { done: false, why: expect.stringContaining('too large') as string };
    expect((await post(open, `${path}/${second}/replay`)).json).toEqual(nothing);
    expect(handled).toEqual([]);
    isMended = true;
    expect((await post(open, `${path}/${first}/replay`)).json).toEqual({ done: true });
    await until('it is handled', () => handled.length === 1);
    await until('it is gone', async () => (await listOf(open)).messages.length === 1);
    expect((await post(open, `${path}/${first}/replay`)).json).toEqual(nothing);
    expect((await post(open, `${path}/${second}/discard`)).json).toEqual({ done: true });
    expect((await post(open, `${path}/${second}/discard`)).json).toEqual({ done: false });
    expect(await listOf(open)).toEqual({ messages: [], hasMore: false });
    expect((await post(open, `${path}/nonsense/discard`)).status).toBe(400);
    expect((await post(open, '/api/received/stock/1/discard')).status).toBe(404);
    expect((await post(open, `${path}/1/retry`)).status).toBe(404);
  });

  it('are nothing where their table was not made, or no outbox was given', async () => {
    const database = server.open();
    const open = await openInspector({ database, outbox: database.current });
    expect((await open.get('/api/received?consumer=stock%2Forders')).status).toBe(404);
    expect(await open.snapshot()).toMatchObject({ received: [], problems: [] });
    const without = await openInspector({ database, actions: true });
    expect((await without.get('/api/received?consumer=stock%2Forders')).status).toBe(404);
    expect((await post(without, `${path}/1/discard`)).status).toBe(404);
  });
});
