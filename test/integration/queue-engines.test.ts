// Engines that are not what their port says, and those that never answer.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { type BackgroundErrorEvent, channelNames, createDatabase, type Database } from '../../src/index.ts';
import { createJobs, defineQueue, type Jobs, memory } from '../../src/queue/index.ts';
import type { QueueEngine, QueueEngineFactory } from '../../src/queue/engine/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const invoice = defineQueue<number, number>('invoice');
const never = (): Promise<never> => new Promise(() => {});

/** The engine in memory, of which something is another thing. */
const broken =
  (faults: { readonly [Name in keyof QueueEngine]?: unknown }): QueueEngineFactory =>
  (host) =>
    new Proxy(memory()(host), {
      get(engine, name) {
        if (Object.hasOwn(faults, name)) return faults[name as keyof QueueEngine];
        const value: unknown = Reflect.get(engine, name, engine);
        return typeof value === 'function' ? (value.bind(engine) as unknown) : value;
      },
    });

const opened: Jobs[] = [];
function open(engine: QueueEngineFactory): {
  readonly database: Database<'default'>;
  readonly jobs: Jobs<{ readonly invoice: typeof invoice }>;
} {
  const database = server.open({ max: 4 });
  const jobs = createJobs(database, { queues: { invoice }, engine, enqueueTimeout: 100 });
  opened.push(jobs);
  return { database, jobs };
}
afterEach(async () => {
  for (const jobs of opened.splice(0)) await jobs.close({ timeout: 0 });
});

describe('an engine that is none', () => {
  it.each<[name: string, engine: QueueEngineFactory, message: RegExp]>([
    ['undefined', (() => undefined) as never, /an "engine" that makes undefined/],
    ['a promise', (() => Promise.resolve()) as never, /makes an object of type Promise/],
    ['one without two methods', broken({ look: undefined, close: 5 }), /has no look\(\) or close\(\)/],
    ['one without a name', broken({ name: '' }), /an engine with a "name": text of 1 to 100 characters/],
    ['one without capabilities', broken({ capabilities: undefined }), /"enqueue" is one of transaction, hook, outbox/],
  ])('is refused by createJobs: %s', (_, engine, message) => {
    const make = (): unknown => open(engine);
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(make).toThrow(message);
  });

  it('is named where its look gives no map', async () => {
    const { jobs } = open(broken({ look: () => Promise.resolve([]) }));
    const handle = await jobs.queues.invoice.push(1);
    const failed = await rejection(handle.status());
    expect(failed).toMatchObject({ code: 'QUEUE_UNAVAILABLE', retryable: false });
    expect(failed.message).toContain('look() has to resolve with a Map');
  });
});

describe('an engine that never answers', () => {
  it('keeps no transaction that has committed longer than enqueueTimeout', async () => {
    const { database, jobs } = open(broken({ add: never }));
    const failed = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await jobs.queues.invoice.push(1);
      }),
    );
    expect(failed).toMatchObject({ code: 'AFTER_COMMIT', errors: [{ code: 'ENQUEUE_UNKNOWN' }] });
    expect(await server.products()).toEqual([1]);
  });

  it('is reported where a worker waits for it', async () => {
    const reports: BackgroundErrorEvent[] = [];
    const onReport = (event: unknown): void => void reports.push(event as BackgroundErrorEvent);
    subscribe(channelNames.backgroundError, onReport);
    const { jobs } = open(broken({ watchArrivals: never }));
    jobs.worker().handle(invoice, (data) => data);
    await until('it is reported', () => reports.length > 0);
    unsubscribe(channelNames.backgroundError, onReport);
    expect(reports).toMatchObject([
      { source: 'queue engine memory: worker of queue "invoice"', error: { code: 'QUEUE_UNAVAILABLE' } },
    ]);
  });
});

describe('a driver that is none', () => {
  it('is refused by createDatabase, with what it lacks', () => {
    class HalfDriver {
      connect(): void {}
    }
    const clients = { default: { driver: new HalfDriver(), pool: {} } };
    expect(() => createDatabase({ clients } as never)).toThrow(
      /HalfDriver has no classifyConnect\(\), isolation\(\), fulfils\(\), inspect\(\) or quoteName\(\)/,
    );
  });
});
