// The oldest @opentelemetry/api that the package installs with, in a program that has no other.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as oldest from 'opentelemetry-api-1.3';
import { afterAll, expect, it, vi } from 'vitest';
import { instrumentSluice } from '../../src/opentelemetry/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';

vi.mock('@opentelemetry/api', () => import('opentelemetry-api-1.3'));

const server = useTestDatabase();

/** What an SDK of that time is, as far as it is needed. */
class SpanOfThen {
  readonly name: string;
  readonly attributes: Record<string, unknown>;
  hasEnded = false;

  constructor(name: string, attributes: oldest.Attributes = {}) {
    this.name = name;
    this.attributes = { ...attributes };
  }

  spanContext = (): oldest.SpanContext => ({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 });
  isRecording = (): boolean => true;
  setAttribute = (key: string, value: unknown): this =>
    Object.assign(this, { attributes: { ...this.attributes, [key]: value } });
  setAttributes = (attributes: oldest.Attributes): this =>
    Object.assign(this, { attributes: { ...this.attributes, ...attributes } });
  setStatus = (): this => this;
  addEvent = (): this => this;
  end = (): void => void (this.hasEnded = true);
}

/** The same for metrics: what was recorded, and what is read when it is asked. */
class MeterOfThen {
  readonly recorded: [name: string, attributes: oldest.Attributes | undefined][] = [];
  readonly observed: [name: string, value: number][] = [];
  readonly #callbacks: oldest.BatchObservableCallback[] = [];

  readonly meter: oldest.Meter = {
    createHistogram: (name) => ({ record: (_value, attributes) => void this.recorded.push([name, attributes]) }),
    createCounter: (name) => ({ add: (_value, attributes) => void this.recorded.push([name, attributes]) }),
    createUpDownCounter: (name) => ({ add: (_value, attributes) => void this.recorded.push([name, attributes]) }),
    createObservableGauge: (name) => observable(name),
    createObservableCounter: (name) => observable(name),
    createObservableUpDownCounter: (name) => observable(name),
    addBatchObservableCallback: (callback) => void this.#callbacks.push(callback),
    removeBatchObservableCallback: () => {},
  };

  async read(): Promise<void> {
    const observe = (instrument: oldest.Observable, value: number): void =>
      void this.observed.push([String(Reflect.get(instrument, 'called')), value]);
    for (const callback of this.#callbacks) await callback({ observe });
  }
}

function observable(called: string): oldest.Observable {
  return Object.assign({ addCallback() {}, removeCallback() {} }, { called });
}

afterAll(() => {
  oldest.trace.disable();
  oldest.metrics.disable();
});

it('is tested with the lowest version of its range', () => {
  const manifest = fileURLToPath(new URL('../../package.json', import.meta.url));
  const { peerDependencies, devDependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  expect(`npm:@opentelemetry/api@${peerDependencies?.['@opentelemetry/api']?.slice(1)}`).toBe(
    devDependencies?.['opentelemetry-api-1.3'],
  );
});

it('makes spans with it', async () => {
  const spans: SpanOfThen[] = [];
  const startSpan = (name: string, options?: oldest.SpanOptions): SpanOfThen => {
    const span = new SpanOfThen(name, options?.attributes);
    spans.push(span);
    return span;
  };
  using _ = instrumentSluice();
  const database = server.open();
  await insert(database, 1);
  oldest.trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) as never });
  await database.transaction(() => insert(database, 2), { name: 'checkout' });
  expect(spans.map(({ name, hasEnded }) => [name, hasEnded])).toEqual([
    ['transaction checkout', true],
    ['INSERT product', true],
  ]);
  expect(spans[0]?.attributes).toMatchObject({ 'sluice.transaction.outcome': 'committed' });
});

it('makes metrics with it, of a provider that is registered later', async () => {
  using _ = instrumentSluice();
  const database = server.open();
  await insert(database, 1);
  const then = new MeterOfThen();
  oldest.metrics.setGlobalMeterProvider({ getMeter: () => then.meter });
  await database.transaction(() => insert(database, 2));
  const pool = { 'db.client.connection.pool.name': 'default', 'sluice.level': 0 };
  expect(then.recorded).toContainEqual([
    'db.client.operation.duration',
    expect.objectContaining({ 'db.operation.name': 'INSERT', 'db.collection.name': 'product' }),
  ]);
  expect(then.recorded).toContainEqual(['sluice.transactions', { ...pool, 'sluice.transaction.outcome': 'committed' }]);
  await then.read();
  expect(then.observed).toContainEqual(['db.client.connection.max', expect.any(Number)]);
});
