// What works in the background, on each engine, while its database is closed: what is under way ends, and happens once.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelNames, type Database } from '../../src/index.ts';
import { createEvents } from '../../src/events/index.ts';
import {
  addToOutbox,
  createOutbox,
  createOutboxTables,
  createRelay,
  defineTopic,
  type Outbox,
  type Relay,
} from '../../src/outbox/index.ts';
import { createJobs, defineQueue, memory, type QueueEngineFactory, type Worker } from '../../src/queue/index.ts';
import { createSagas, createSagaTables, defineSaga } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const quick = { pollInterval: 20, retryDelay: 10, lease: 600 } as const;
const reported: unknown[] = [];
const note = (event: unknown): void => void reported.push((event as { readonly error: unknown }).error);
let database: Database<'default'>;

beforeEach(async () => {
  database = server.open({ max: 3 });
  await createOutboxTables(database.current);
  await createSagaTables(database.current);
  await server.sql('delete from sluice_outbox');
  reported.length = 0;
  subscribe(channelNames.backgroundError, note);
});
afterEach(() => unsubscribe(channelNames.backgroundError, note));

/** Goes on when the test says so. */
function gate(): { readonly reached: Promise<void>; pass(): Promise<void>; open(): void } {
  const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return {
    reached: reached.promise,
    async pass() {
      reached.resolve();
      await opened.promise;
    },
    open: () => opened.resolve(),
  };
}

/** Jobs leave through the outbox, as with an engine whose server is another one. */
const outboxEngine: QueueEngineFactory = (host) => {
  const engine = memory()(host);
  return new Proxy(engine, {
    get(target, name) {
      if (name === 'name') return 'elsewhere';
      if (name === 'capabilities') return { ...target.capabilities, enqueue: 'outbox' };
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
};
const left = async (): Promise<number> => (await server.sql('select 1 from sluice_outbox')).length;

describe('a relay', () => {
  const messages = [1, 2, 3].map((payload) => ({ channel: 'mail', queue: 'order', payload }));
  const relayTo = (deliver: () => Promise<void>): Relay =>
    createRelay(database, { channel: 'mail', deliver, pollInterval: 20, batchSize: 3 });

  it.each(['start', 'drain'] as const)('of which %s() hands over is waited for, and delivers once', async (how) => {
    const delivery = gate();
    let delivered = 0;
    const relay = relayTo(async () => {
      delivered += 1;
      await delivery.pass();
    });
    await addToOutbox(database.current, [...messages, ...messages]);
    const drained = how === 'drain' ? relay.drain().catch(() => 0) : relay.start();
    await delivery.reached;
    let isClosed = false;
    const closing = database.close({ timeout: 20_000 }).then(() => (isClosed = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isClosed).toBe(false);
    delivery.open();
    await Promise.all([closing, drained, relay.stop()]);
    // What was not begun is left to others.
    if (how === 'start') expect(await left()).toBe(3);
    expect(await left()).toBe(6 - relay.delivered);
    expect(relay.delivered).toBe(delivered * 3);
    expect(reported).toEqual([]);
  });

  it('that takes longer than the timeout of close() is ended by it', async () => {
    const delivery = gate();
    const relay = relayTo(() => delivery.pass());
    await addToOutbox(database.current, messages);
    relay.start();
    await delivery.reached;
    await database.close({ timeout: 20 });
    await relay.stop();
    expect(await left()).toBe(3);
    delivery.open();
  });
});

describe('a saga', () => {
  it.each([true, false])('runs a step once that was under way (transactional: %s)', async (transactional) => {
    const step = gate();
    let ran = 0;
    const order = defineSaga(`order-${transactional}`, async (saga) => {
      await saga.step('pay', { transactional }, async () => {
        ran += 1;
        await step.pass();
      });
      await saga.waitFor('go');
    });
    const sagas = createSagas(database, { sagas: { order }, ...quick });
    await sagas.order.start(undefined, { id: 'a' });
    sagas.start();
    await step.reached;
    const closing = database.close({ timeout: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    step.open();
    await closing;
    await sagas.stop();
    await using next = server.open();
    await using others = createSagas(next, { sagas: { order }, ...quick });
    others.start();
    await until('it waits', async () => (await others.order.get('a').status()).status === 'waiting');
    expect(ran).toBe(1);
  });

  it.each([true, false])(
    'goes on elsewhere where close() ended its step (transactional: %s)',
    async (transactional) => {
      const step = gate();
      const ids = ['a', 'b', 'c', 'd'];
      const order = defineSaga(`cut-${transactional}`, async (saga) => {
        await saga.step('pay', { transactional }, async () => {
          await database.query('select 1');
          await step.pass();
        });
        return 'paid';
      });
      const sagas = createSagas(database, { sagas: { order }, ...quick });
      for (const id of ids) await sagas.order.start(undefined, { id });
      sagas.start();
      await step.reached;
      await database.close({ timeout: 0 });
      await sagas.stop();
      step.open();
      database = server.open();
      await using others = createSagas(database, { sagas: { order }, ...quick });
      const results = ids.map((id) => others.order.get(id).result({ timeout: 20_000 }));
      expect(await Promise.all(results)).toEqual(['paid', 'paid', 'paid', 'paid']);
    },
  );

  it('is not looked for where there is no definition', async () => {
    const fresh = server.open();
    const sagas = createSagas(fresh, { sagas: {}, ...quick });
    sagas.start();
    // What it begins at once has ended by then.
    await sagas.stop();
    expect(fresh.stats().clients.default).toMatchObject({ used: 0, idle: 0, opening: 0 });
    expect(reported).toEqual([]);
  });
});

describe('a database that is closed', () => {
  const closed = { code: 'DATABASE_CLOSED', remedy: expect.stringContaining('create a new database') as string };
  const mail = defineQueue<number, void>('mail');
  const orders = defineTopic<number>('orders');
  const order = defineSaga('order', () => 1);
  const outbox = (): Outbox =>
    createOutbox(database, { broker: memoryBroker()(), secret: 'a secret that is long enough' });

  it.each<[string, () => unknown]>([
    ['createRelay().start()', () => createRelay(database, { channel: 'mail', deliver: async () => {} }).start()],
    ['createEvents().start()', () => createEvents(database).start()],
    ['createSagas().start()', () => createSagas(database, { sagas: { order } }).start()],
    ['sagas.run()', () => createSagas(database, { sagas: { order } }).order.run(undefined)],
    ['handle.result()', () => createSagas(database, { sagas: { order } }).order.get('a').result()],
    ['createOutbox().start()', () => outbox().start()],
    ['outbox.consume()', () => outbox().consume(orders, () => {}, { group: 'stock' })],
    ['jobs.worker()', () => createJobs(database, { queues: { mail } }).worker()],
    ['jobs.startRelay()', () => createJobs(database, { queues: { mail } }).startRelay()],
  ])('is named at once by %s', async (_call, begin) => {
    await database.close();
    // Where it throws, and where it rejects.
    expect(await rejection((async () => await begin())())).toMatchObject(closed);
    expect(reported).toEqual([]);
  });

  it.each<[string, (worker: Worker) => unknown]>([
    ['handle()', (worker) => worker.handle(mail, () => {})],
    ['resume()', (worker) => worker.resume()],
  ])('is named by %s of a worker that was made before', async (_call, use) => {
    const jobs = createJobs(database, { queues: { mail } });
    const worker = jobs.worker();
    await database.close();
    expect(await rejection((async () => await use(worker))())).toMatchObject(closed);
    await jobs.close();
  });

  it('lets what it had begun push jobs that leave through the outbox', async () => {
    const jobs = createJobs(database, { queues: { mail }, engine: outboxEngine });
    const closing = await database.transaction(async () => {
      await database.query('select 1');
      const closed = database.close({ timeout: 20_000 });
      await jobs.queues.mail.push(1);
      return { closed };
    });
    await closing.closed;
    expect(await left()).toBe(1);
    await jobs.close();
  });
});
