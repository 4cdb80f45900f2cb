// What records and exports may throw; a transaction must not know of it.
import { diag, type DiagLogger, trace } from '@opentelemetry/api';
import { type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { traceNames } from '../../src/index.ts';
import { instrumentSluice } from '../../src/opentelemetry/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';

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

  it('another subscriber throws', async () => {
    const database = server.open();
    const uncaught: unknown[] = [];
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    const channels = tracingChannel(traceNames.statement);
    using _ = instrumentSluice({ tracerProvider: new TracerProvider() });
    channels.start.subscribe(broken);
    channels.asyncEnd.subscribe(broken);
    try {
      await database.transaction(() => insert(database, 1));
      expect(await server.products()).toEqual([1]);
      await until('Node.js has told of both', () => uncaught.length === 2);
    } finally {
      channels.start.unsubscribe(broken);
      channels.asyncEnd.unsubscribe(broken);
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
