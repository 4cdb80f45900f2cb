import { context, SamplingDecision, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { type ReadableSpan, type Sampler, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { currentContext, withContext } from '../../src/index.ts';
import { instrumentSluice, type SluiceInstrumentation } from '../../src/opentelemetry/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { useRecording } from './recording.ts';

const server = useTestDatabase();
const recording = useRecording();
let instrumentation: SluiceInstrumentation;

beforeEach(() => {
  instrumentation = instrumentSluice();
});
afterEach(() => instrumentation.disable());

const eventsOf = ({ events }: ReadableSpan): readonly string[] => events.map(({ name }) => name);

describe('spans of the database', () => {
  it('are one for the transaction and one for each statement', async () => {
    const database = server.open();
    await database.transaction(
      async () => {
        await database.query('insert into product (id) values (7)');
        await database.query('select id from product where id = $1', [7]);
      },
      { name: 'checkout', isolationLevel: 'REPEATABLE_READ' },
    );
    await database.query('delete from product');
    expect(recording.tree()).toEqual([
      'transaction checkout',
      '  INSERT product',
      '  SELECT product',
      'DELETE product',
    ]);
    const [transaction, insert, select] = recording.spans();
    expect(transaction).toMatchObject({ kind: SpanKind.INTERNAL, status: { code: SpanStatusCode.UNSET } });
    expect(transaction?.attributes).toMatchObject({
      'db.system.name': 'postgresql',
      'sluice.client': 'default',
      'sluice.level': 0,
      'sluice.transaction.isolation': 'REPEATABLE_READ',
      'sluice.transaction.outcome': 'committed',
      'sluice.transaction.attempt': 1,
    });
    expect(eventsOf(transaction as ReadableSpan)).toEqual(['sluice.commit']);
    expect(insert?.kind).toBe(SpanKind.CLIENT);
    expect(insert?.attributes).toMatchObject({
      'db.system.name': 'postgresql',
      'db.operation.name': 'INSERT',
      'db.collection.name': 'product',
      'db.query.text': 'insert into product (id) values (?)',
      'server.port': expect.any(Number) as number,
    });
    expect(select?.attributes['db.response.returned_rows']).toBe(1);
    const [row] = await server.sql<{ database: string }>('select current_database() as database');
    expect(insert?.attributes['db.namespace']).toBe(row?.database);
  });

  it('say with what a statement and its transaction have failed, and not in the words of the server', async () => {
    const database = server.open();
    await database.query('insert into product (id) values (1)');
    recording.reset();
    const failing = database.transaction(() => database.query('insert into product (id) values ($1)', [1]));
    await rejection(failing);
    const [transaction, insert] = recording.spans();
    for (const span of [transaction, insert]) {
      expect(span?.status).toEqual({ code: SpanStatusCode.ERROR });
      expect(span?.attributes).toMatchObject({ 'error.type': '23505', 'db.response.status_code': '23505' });
    }
    expect(transaction?.attributes['sluice.transaction.outcome']).toBe('rolledBack');
  });

  it('are inside of what is active where they begin, and what runs inside of them is inside of them', async () => {
    const database = server.open();
    const tracer = recording.provider.getTracer('shop');
    await tracer.startActiveSpan('request', async (request) => {
      await database.transaction(async () => {
        await tracer.startActiveSpan('reserve', async (reserve) => {
          await database.query('select 1 from product');
          reserve.end();
        });
        await database.transaction(() => database.query('select 2 from product'), { propagation: 'REQUIRES_NEW' });
      });
      request.end();
    });
    expect(recording.tree()).toEqual([
      'request',
      '  transaction',
      '    reserve',
      '      SELECT product',
      '    transaction',
      '      SELECT product',
    ]);
  });

  it('have waits for connections and for locks as events', async () => {
    const database = server.open({ max: 1, maxLevel: 1 }, { lockProbeAfter: 10 });
    await database.query('insert into product (id) values (1)');
    recording.reset();
    const deadlocked = database.transaction(async () => {
      await database.query('update product set id = 1 where id = 1');
      await database.transaction(() => database.query('update product set id = 1'), {
        propagation: 'REQUIRES_NEW',
        name: 'inner',
      });
    });
    expect(await rejection(deadlocked)).toMatchObject({ code: 'CHAIN_DEADLOCK' });
    const locked = recording.spans().filter((span) => eventsOf(span).includes('sluice.lock.wait'));
    expect(locked.map(({ name }) => name)).toEqual(['UPDATE product']);
    recording.reset();

    const { promise: held, fire: release } = signal();
    const holder = database.transaction(async () => {
      await database.query('select 1');
      await held;
    });
    const waiter = database.query('select 2');
    await until('a statement waits', () => database.stats().clients.default.waiting === 1);
    release();
    await Promise.all([holder, waiter]);
    const waited = recording.spans().filter((span) => eventsOf(span).includes('sluice.acquire'));
    expect(waited).toHaveLength(1);
    expect(waited[0]?.attributes['db.query.text']).toBe('select ?');
    expect(waited[0]?.events[0]?.attributes?.['sluice.level']).toBe(0);
  });

  it('are one for each attempt, linked with the one before, whose failure is an event', async () => {
    const database = server.open();
    let attempts = 0;
    await database.transaction(
      async () => {
        attempts += 1;
        if (attempts === 1) await database.query(`do $$ begin raise exception using errcode = '40001'; end $$`);
        else await database.query('select 1');
      },
      { name: 'checkout', retry: { attempts: 2, delay: 1 } },
    );
    const [first, second] = recording.spans().filter(({ name }) => name === 'transaction checkout');
    expect(first?.attributes).toMatchObject({ 'sluice.transaction.attempt': 1, 'error.type': '40001' });
    expect(second?.attributes['sluice.transaction.attempt']).toBe(2);
    expect(second?.links.map((link) => link.context.spanId)).toEqual([first?.spanContext().spanId]);
    expect(second?.events[0]).toMatchObject({
      name: 'sluice.retry',
      attributes: { 'error.type': '40001', 'sluice.transaction.attempt': 1 },
    });
  });

  it('have hooks that throw as events', async () => {
    const database = server.open();
    await rejection(
      database.transaction(async () => {
        database.current.afterCommit(() => {
          throw new TypeError('no mail');
        });
        await database.query('select 1');
      }),
    );
    const [transaction] = recording.spans();
    expect(transaction?.events).toContainEqual(
      expect.objectContaining({
        name: 'sluice.hook.error',
        attributes: { 'sluice.hook': 'commit', 'error.type': 'TypeError' },
      }),
    );
  });

  it('are in the transaction also where a statement is sent from outside of its body', async () => {
    const database = server.open();
    const outside = context.active();
    await database.transaction(async () => {
      await database.query('select 1');
      await context.with(outside, () => database.query('select 2 from product'));
    });
    expect(recording.tree()).toEqual(['transaction', expect.stringMatching(/^ {2}SELECT/), '  SELECT product']);
  });

  it('end with disable() and with `using`', async () => {
    const database = server.open();
    instrumentation.disable();
    await database.query('select 1');
    {
      using _ = instrumentSluice();
      await database.query('select 2 from product');
    }
    await database.query('select 3');
    expect(recording.tree()).toEqual(['SELECT product']);
  });

  it('are told by one at a time', async () => {
    const database = server.open();
    const second = instrumentSluice({ queryText: 'none' });
    instrumentation.disable();
    await database.query('select 1 from product');
    second.disable();
    const [only, ...others] = recording.spans();
    expect(others).toEqual([]);
    expect(only?.attributes).not.toHaveProperty('db.query.text');
  });

  it('wait for an SDK that is registered later', async () => {
    const database = server.open();
    trace.disable();
    instrumentation = instrumentSluice();
    await database.query('select 1');
    trace.setGlobalTracerProvider(recording.provider);
    await database.query('select 1 from product');
    expect(recording.tree()).toEqual(['SELECT product']);
  });
});

describe('a sampler', () => {
  /** Leaves out all that has a name; what it was asked for. */
  function leavingOut(left: RegExp): { readonly asked: string[]; readonly tracerProvider: TracerProvider } {
    const asked: string[] = [];
    const sampler: Sampler = {
      shouldSample(_context, _trace, name) {
        asked.push(name);
        return { decision: left.test(name) ? SamplingDecision.NOT_RECORD : SamplingDecision.RECORD_AND_SAMPLED };
      },
    };
    return { asked, tracerProvider: new TracerProvider({ sampler }) };
  }

  it('that leaves a transaction out is not asked for its statements, and the trace goes on in them', async () => {
    const database = server.open();
    const { asked, tracerProvider } = leavingOut(/^transaction/);
    using _ = instrumentSluice({ tracerProvider });
    const traceparent = await database.transaction(async () => {
      await database.query('insert into product (id) values (1)');
      return currentContext().traceparent;
    });
    await database.query('select id from product');
    expect(asked).toEqual(['transaction', 'SELECT product']);
    expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  it('is asked for a statement below a span of the program in a transaction that it left out', async () => {
    const database = server.open();
    const { asked, tracerProvider } = leavingOut(/^transaction/);
    using _ = instrumentSluice({ tracerProvider });
    await database.transaction(() =>
      tracerProvider.getTracer('shop').startActiveSpan('report', () => database.query('select id from product')),
    );
    expect(asked).toEqual(['transaction', 'report', 'SELECT product']);
  });
});

describe('a trace that came without OpenTelemetry', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

  it('goes on in spans', async () => {
    const database = server.open();
    await withContext({ traceparent }, () => database.query('select 1 from product'));
    const [statement] = recording.spans();
    expect(statement?.spanContext().traceId).toBe(traceId);
    expect(statement?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  });
});
