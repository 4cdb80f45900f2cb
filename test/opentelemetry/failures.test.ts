// What records and exports may throw; a transaction must not know of it.
import { diag, type DiagLogger, trace } from '@opentelemetry/api';
import {
  BatchSpanProcessor,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { channelNames, traceNames } from '../../src/index.ts';
import { instrumentSluice } from '../../src/opentelemetry/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
afterEach(() => diag.disable());

const secret = 'hunter2-of-the-exporter';
function broken(): never {
  throw new TypeError(secret);
}

/** An SDK whose processor throws in one of its methods. */
function throwingIn(method: 'onStart' | 'onEnd'): TracerProvider {
  const processor: SpanProcessor = {
    onStart() {},
    onEnd() {},
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
    [method]: broken,
  };
  return new TracerProvider({ spanProcessors: [processor] });
}

const providers: readonly [string, Parameters<typeof instrumentSluice>[0]][] = [
  ['a processor throws where a span begins', { tracerProvider: throwingIn('onStart') }],
  ['a processor throws where a span ends', { tracerProvider: throwingIn('onEnd') }],
  ['a tracer throws', { tracerProvider: { getTracer: () => ({ startSpan: broken, startActiveSpan: broken }) } }],
  ['there is no tracer', { tracerProvider: { getTracer: broken } }],
  [
    'instruments throw',
    {
      meterProvider: {
        getMeter(name, version) {
          const meter = new MeterProvider().getMeter(name, version);
          const instrument = { record: broken, add: broken } as never;
          return Object.assign(meter, { createHistogram: () => instrument, createCounter: () => instrument });
        },
      },
    },
  ],
];

describe('a transaction, a job and a statement know nothing of it when', () => {
  it.each(providers)('%s', async (_, options) => {
    const said: string[] = [];
    const log = (...words: unknown[]): void => void said.push(words.map(String).join(' '));
    diag.setLogger({ error: log, warn: log, info: log, debug: log, verbose: log } satisfies DiagLogger);
    using _instrumentation = instrumentSluice(options);
    const database = server.open();
    const invoice = defineQueue<number, number>('invoice');
    const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
    jobs.worker().handle(invoice, async (id) => {
      await insert(database, id);
      return id;
    });
    await database.transaction(async () => {
      await insert(database, 1);
      expect(await jobs.queues.invoice.pushAsync(2)).toBe(2);
    });
    await database.query('delete from product where id = 1');
    await jobs.close();
    expect(await server.products()).toEqual([2]);
    expect(said.join('\n')).toContain('TypeError');
    expect(said.join('\n')).not.toContain(secret);
  });

  it('an exporter throws', async () => {
    let exported = 0;
    const failing = (): never => {
      exported += 1;
      return broken();
    };
    const exporter: SpanExporter = { export: failing, shutdown: broken, forceFlush: broken };
    const spanProcessors = [new SimpleSpanProcessor({ exporter }), new BatchSpanProcessor({ exporter })];
    const tracerProvider = new TracerProvider({ spanProcessors });
    using _ = instrumentSluice({ tracerProvider });
    const database = server.open();
    await database.transaction(() => insert(database, 1));
    await until('spans were exported', () => exported > 0);
    await tracerProvider.forceFlush().catch(() => {});
    await database.transaction(() => insert(database, 2));
    expect(await server.products()).toEqual([1, 2]);
  });

  it('other subscribers throw, on each channel', async () => {
    const database = server.open();
    const uncaught: unknown[] = [];
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    const traces = Object.values(traceNames).map((name) => tracingChannel(name));
    const parts = { start: broken, end: broken, asyncStart: broken, asyncEnd: broken, error: broken };
    using _ = instrumentSluice({ tracerProvider: new TracerProvider() });
    for (const each of traces) each.subscribe(parts);
    for (const name of Object.values(channelNames)) subscribe(name, broken);
    try {
      const invoice = defineQueue<number, number>('invoice');
      const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
      jobs.worker().handle(invoice, async (id) => {
        await insert(database, id);
        return id;
      });
      await database.transaction(async () => {
        await insert(database, 1);
        const failing = (): Promise<void> => insert(database, 1);
        await rejection(database.transaction(failing, { propagation: 'NESTED' }));
        expect(await jobs.queues.invoice.pushAsync(2)).toBe(2);
      });
      await jobs.close();
      expect(await server.products()).toEqual([1, 2]);
      await until('Node.js has told of them', () => uncaught.length > 20);
      expect(uncaught.every((error) => error instanceof TypeError && error.message === secret)).toBe(true);
    } finally {
      for (const each of traces) each.unsubscribe(parts);
      for (const name of Object.values(channelNames)) unsubscribe(name, broken);
      process.removeAllListeners('uncaughtException');
      for (const listener of before) process.on('uncaughtException', listener);
    }
  });
});

it('a provider that is registered nowhere is not looked for in vain for each statement', async () => {
  const database = server.open();
  using _ = instrumentSluice();
  await insert(database, 1);
  expect(tracingChannel(traceNames.statement).hasSubscribers).toBe(false);
  trace.setGlobalTracerProvider(new TracerProvider());
  await insert(database, 2);
  expect(tracingChannel(traceNames.statement).hasSubscribers).toBe(true);
  trace.disable();
});
