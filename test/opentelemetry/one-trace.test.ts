// From a request over its transaction and the statements of TypeORM to a job and its statements, in one trace.
import { createRequire } from 'node:module';
import { SpanKind } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import fastify from 'fastify';
import { EntitySchema } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createContextCarrier, currentContext } from '../../src/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { instrumentSluice, type SluiceInstrumentation } from '../../src/opentelemetry/index.ts';
import { addToOutbox, createOutboxTables, createRelay, inContextOf } from '../../src/outbox/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { parentOf, useRecording } from './recording.ts';

const Product = new EntitySchema<{ id: number }>({
  name: 'product',
  columns: { id: { type: 'int', primary: true } },
});

const server = useTestDatabase();
const recording = useRecording();
let instrumentation: SluiceInstrumentation;
let unregister: () => void;

beforeAll(() => {
  unregister = registerInstrumentations({
    tracerProvider: recording.provider,
    instrumentations: [new HttpInstrumentation()],
  });
  createRequire(import.meta.url)('node:http');
});
beforeEach(() => {
  instrumentation = instrumentSluice();
});
afterEach(() => instrumentation.disable());
afterAll(() => unregister());

const idOf = (span: ReadableSpan): string => span.spanContext().spanId;

describe('the trace of a request', () => {
  it('goes over its transaction, statements of TypeORM and its job into the statements of that', async () => {
    const database = server.open();
    const dataSource = createDataSource(database, { entities: [Product] });
    await dataSource.initialize();
    const invoice = defineQueue<{ id: number }, string>('invoice');
    const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
    jobs.worker().handle(invoice, async ({ id }) => {
      await insert(database, id + 1);
      return currentContext().traceparent ?? '';
    });
    const app = fastify();
    app.post('/checkout', async () => {
      const handle = await database.transaction(
        async () => {
          await dataSource.getRepository(Product).insert({ id: 7 });
          return await jobs.queues.invoice.push({ id: 7 });
        },
        { name: 'checkout' },
      );
      return { trace: await handle.result() };
    });
    try {
      const address = await app.listen({ port: 0, host: '127.0.0.1' });
      recording.reset();
      const answer = (await (await fetch(`${address}/checkout`, { method: 'POST' })).json()) as { trace: string };
      const request = await recording.span('POST');
      const process = await recording.span('process invoice');
      expect(recording.tree()).toEqual([
        'POST',
        '  transaction checkout',
        '    INSERT product',
        '    push invoice',
        '      process invoice',
        '        transaction job invoice',
        '          INSERT product',
      ]);
      const push = await recording.span('push invoice');
      expect(request.kind).toBe(SpanKind.SERVER);
      expect(push.kind).toBe(SpanKind.PRODUCER);
      expect(process).toMatchObject({ kind: SpanKind.CONSUMER, links: [{ context: { spanId: idOf(push) } }] });
      expect(process.attributes).toMatchObject({
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'invoice',
        'sluice.job.outcome': 'completed',
      });
      const traces = new Set(recording.spans().map((span) => span.spanContext().traceId));
      expect([...traces]).toEqual([request.spanContext().traceId]);
      // What the handler sends on goes on from where it is.
      const inner = await recording.span('transaction job invoice');
      expect(answer.trace).toBe(`00-${inner.spanContext().traceId}-${idOf(inner)}-01`);
      expect(await server.products()).toEqual([7, 8]);
    } finally {
      await app.close();
      await jobs.close();
      await dataSource.destroy();
    }
  });

  it('goes with a message of the outbox, whose delivery is linked with it', async () => {
    const database = server.open();
    await createOutboxTables(database.current);
    let received: string | undefined;
    await using relay = createRelay(database, {
      channel: 'mail',
      deliver: async ([message]) => {
        if (message === undefined) return;
        await inContextOf(message, async () => {
          received = currentContext().traceparent;
          await insert(database, 9);
        });
      },
    });
    await relay.drain();
    recording.reset();
    await database.transaction(
      () => addToOutbox(database.current, [{ channel: 'mail', queue: 'orders', payload: {} }]),
      { name: 'checkout' },
    );
    await relay.drain();
    // Its rounds, which mostly find nothing, are no spans.
    expect(recording.tree()).toEqual([
      'transaction checkout',
      '  INSERT sluice_outbox',
      '  INSERT product',
      'deliver mail',
    ]);
    const transaction = await recording.span('transaction checkout');
    const deliver = await recording.span('deliver mail');
    expect(received).toBe(`00-${transaction.spanContext().traceId}-${idOf(transaction)}-01`);
    expect(deliver).toMatchObject({ kind: SpanKind.PRODUCER, links: [{ context: { spanId: idOf(transaction) } }] });
    expect(deliver.attributes).toMatchObject({ 'messaging.batch.message_count': 1 });
    expect(parentOf(deliver)).toBeUndefined();
  });

  it('goes with a call, out in its headers and in where nothing else is traced', async () => {
    const database = server.open();
    const { injectContext, runWithContext } = createContextCarrier(database);
    const tracer = recording.provider.getTracer('shop');
    const [headers, caller] = await tracer.startActiveSpan('caller', async (span) => {
      span.end();
      return Promise.resolve([injectContext({}), span] as const);
    });
    await runWithContext(headers, () => insert(database, 1));
    expect(recording.tree()).toEqual(['caller', '  INSERT product']);
    recording.reset();
    // An instrumentation of the server has taken it from the same headers.
    await tracer.startActiveSpan('server', async (span) => {
      await runWithContext(headers, () => insert(database, 2));
      span.end();
    });
    expect(recording.tree()).toEqual(['server', '  INSERT product']);
    expect(headers).toEqual({
      traceparent: `00-${caller.spanContext().traceId}-${caller.spanContext().spanId}-01`,
    });
  });
});
