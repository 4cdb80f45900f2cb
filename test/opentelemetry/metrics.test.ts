import { type DataPoint, type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCache, defineCache } from '../../src/cache/index.ts';
import { instrumentSluice, type SluiceInstrumentation } from '../../src/opentelemetry/index.ts';
import { addToOutbox, createOutboxTables, createRelay } from '../../src/outbox/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

const server = useTestDatabase();
let reader: Reader;
let provider: MeterProvider;
let instrumentation: SluiceInstrumentation | undefined;

beforeEach(() => {
  reader = new Reader();
  provider = new MeterProvider({ readers: [reader] });
});
afterEach(async () => {
  instrumentation?.disable();
  instrumentation = undefined;
  await provider.shutdown();
});

interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number;
}

/** The points of a metric now; of a histogram how many values it has. */
async function points(name: string): Promise<readonly Point[]> {
  const { resourceMetrics } = await reader.collect();
  const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  const found = metrics.find(({ descriptor }) => descriptor.name === name);
  return ((found?.dataPoints ?? []) as readonly DataPoint<number | Histogram>[]).map(({ attributes, value }) => ({
    attributes,
    value: typeof value === 'number' ? value : value.count,
  }));
}

/** The sum of those points that have attributes. */
async function sum(name: string, attributes: Readonly<Record<string, unknown>> = {}): Promise<number> {
  const wanted = Object.entries(attributes);
  const matching = (await points(name)).filter((point) =>
    wanted.every(([key, value]) => point.attributes[key] === value),
  );
  return matching.reduce((total, { value }) => total + value, 0);
}

describe('metrics', () => {
  it('count statements and transactions, by outcome and failure', async () => {
    const database = server.open();
    instrumentation = instrumentSluice({ meterProvider: provider });
    await database.transaction(() => insert(database, 1));
    await rejection(database.transaction(() => insert(database, 1)));
    await database.query('select id from product');
    const place = { 'db.system.name': 'postgresql', 'db.collection.name': 'product' };
    const name = 'db.client.operation.duration';
    expect(await sum(name, { ...place, 'db.operation.name': 'INSERT' })).toBe(2);
    expect(await sum(name, { ...place, 'error.type': '23505', 'db.response.status_code': '23505' })).toBe(1);
    expect(await sum(name, { ...place, 'db.operation.name': 'SELECT' })).toBe(1);
    expect(await sum('sluice.transactions', { 'sluice.transaction.outcome': 'committed' })).toBe(1);
    expect(await sum('sluice.transactions', { 'sluice.transaction.outcome': 'rolledBack' })).toBe(1);
    expect(await sum('sluice.transaction.duration')).toBe(2);
  });

  it('tell how connections are used, by level', async () => {
    const database = server.open({ max: 1, maxLevel: 1, acquireTimeout: 3_000 });
    instrumentation = instrumentSluice({ meterProvider: provider });
    await database.query('select 1');
    const { promise: held, fire: release } = signal();
    const { promise: holding, fire: holds } = signal();
    const holder = database.transaction(async () => {
      await database.query('select 1');
      await database.transaction(
        async () => {
          await database.query('select 1');
          holds();
          await held;
        },
        { propagation: 'REQUIRES_NEW' },
      );
    });
    await holding;
    const waiter = rejection(database.query('select 2'));
    await until('a statement waits', () => database.stats().clients.default.waiting === 1);
    const level = (at: number): object => ({ 'db.client.connection.pool.name': 'default', 'sluice.level': at });
    const used = { 'db.client.connection.state': 'used' };
    expect(await sum('db.client.connection.count', { ...level(0), ...used })).toBe(1);
    expect(await sum('db.client.connection.count', { ...level(1), ...used })).toBe(1);
    expect(await sum('db.client.connection.pending_requests', { ...level(0) })).toBe(1);
    expect(await sum('db.client.connection.max')).toBe(database.stats().clients.default.budget);
    expect(await sum('db.client.connection.idle.max')).toBe(database.stats().clients.default.budget);
    expect(await waiter).toMatchObject({ code: 'ACQUIRE_TIMEOUT' });
    release();
    await holder;
    expect(await sum('db.client.connection.timeouts', { ...level(0) })).toBe(1);
    expect(await sum('db.client.connection.wait_time', { ...level(0) })).toBe(2);
    expect(await sum('db.client.connection.use_time', { ...level(0) })).toBe(2);
    expect(await sum('db.client.connection.use_time', { ...level(1) })).toBe(1);
    expect(await sum('db.client.connection.count', used)).toBe(0);
    expect(await sum('db.client.connection.count', { 'db.client.connection.state': 'idle' })).toBe(2);
  });

  it('count retries, hooks that throw, reads of caches and runs of jobs', async () => {
    const database = server.open();
    instrumentation = instrumentSluice({ meterProvider: provider });
    let attempts = 0;
    await database.transaction(
      async () => {
        attempts += 1;
        if (attempts === 1) await database.query(`do $$ begin raise exception using errcode = '40001'; end $$`);
      },
      { retry: { attempts: 2, delay: 1 } },
    );
    await rejection(
      database.transaction(async () => {
        database.current.afterCommit(() => {
          throw new TypeError('no mail');
        });
        await database.query('select 1');
      }),
    );
    const cache = createCache(database, defineCache<number, number>({ name: 'stock' }));
    await cache.getOrSet(1, () => Promise.resolve(7));
    await cache.getOrSet(1, () => Promise.resolve(8));
    const invoice = defineQueue<number, number>('invoice');
    const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
    jobs.worker().handle(invoice, (data) => data + 1);
    await jobs.queues.invoice.pushAsync(1);
    await jobs.close();
    expect(await sum('sluice.transaction.retries', { 'error.type': '40001' })).toBe(1);
    expect(await sum('sluice.hook.failures', { 'sluice.hook': 'commit', 'error.type': 'TypeError' })).toBe(1);
    expect(await sum('sluice.cache.reads', { 'sluice.cache': 'stock', 'sluice.cache.hit': true })).toBe(1);
    expect(await sum('sluice.cache.reads', { 'sluice.cache.hit': false })).toBe(1);
    const run = { 'messaging.destination.name': 'invoice', 'sluice.job.outcome': 'completed' };
    expect(await sum('sluice.job.duration', run)).toBe(1);
  });

  it('ask the outbox for its lag and parked messages when they are read, if it is given', async () => {
    const database = server.open();
    await createOutboxTables(database.current);
    await server.sql('truncate sluice_outbox');
    instrumentation = instrumentSluice({ meterProvider: provider, outbox: database.current });
    const relay = createRelay(database, {
      channel: 'mail',
      maxAttempts: 1,
      deliver: () => Promise.reject(new Error('no mail')),
    });
    const add = (channel: string): Promise<void> =>
      addToOutbox(database.current, [{ channel, queue: 'orders', payload: {} }]);
    await add('mail');
    await relay.drain();
    await add('mail');
    await add('audit');
    await server.sql(`update sluice_outbox set created_at = now() - interval '1 hour' where channel = 'audit'`);
    expect(await sum('sluice.outbox.parked', { 'sluice.outbox.channel': 'mail' })).toBe(1);
    expect(await sum('sluice.outbox.waiting', { 'sluice.outbox.channel': 'mail' })).toBe(1);
    expect(await sum('sluice.outbox.waiting', { 'sluice.outbox.channel': 'audit' })).toBe(1);
    const lag = await sum('sluice.outbox.lag', { 'sluice.outbox.channel': 'audit' });
    expect(lag).toBeGreaterThanOrEqual(3_600);
    expect(lag).toBeLessThan(7_200);
  });

  it('are not made without anyone who reads them', async () => {
    const database = server.open();
    instrumentation = instrumentSluice();
    await database.query('select 1');
    instrumentation.disable();
    instrumentation = instrumentSluice({ meterProvider: provider });
    expect(await points('db.client.operation.duration')).toEqual([]);
    expect(await points('sluice.outbox.lag')).toEqual([]);
  });
});
