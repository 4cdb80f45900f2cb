import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelNames } from '../../src/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import {
  createJobs,
  defineQueue,
  EnqueueUnknownError,
  type Jobs,
  type QueueEngineFactory,
} from '../../src/queue/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const add = defineQueue<number, number>('add', { timeout: 20_000 });
const quiet = (): void => {};
const opened: Jobs[] = [];
let proxy: FaultProxy;
let scopes = 0;
let scope = '';

beforeEach(() => {
  scopes += 1;
  scope = `faults_${Date.now()}_${scopes}`;
  subscribe(channelNames.backgroundError, quiet);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((jobs) => jobs.close({ timeout: 100 })));
  await proxy.close();
  unsubscribe(channelNames.backgroundError, quiet);
});

interface Engine {
  /** The server that the engine is on. */
  readonly target: () => string;
  /** On that server, reached by a URL of it. */
  readonly make: (url: string) => QueueEngineFactory;
  /** What stands in the command that adds a job, and in no other. */
  readonly adds: string;
}

const engines: Record<string, Engine> = {
  'pg-boss': {
    target: () => server.url,
    make: (url) => pgBoss({ connectionString: url, schema: scope, pollInterval: 100 }),
    adds: 'json_to_recordset',
  },
  bullmq: {
    target: () => redisUrl,
    make: (url) => bullmq({ connection: url, prefix: redisKeys(scope), lostAfter: 1_000 }),
    adds: 'attempts',
  },
};

const settled = [(): boolean => true, (): boolean => false] as const;

interface Ran {
  readonly jobs: Jobs<{ add: typeof add }>;
  /** What handlers got, in their order. */
  readonly values: number[];
}

/** Queues on the engine through the proxy, and a worker that reaches it without. */
async function start({ target, make }: Engine, enqueueTimeout = 10_000): Promise<Ran> {
  proxy = await startFaultProxy(target());
  const values: number[] = [];
  const of = (url: string, timeouts: { readonly enqueueTimeout?: number } = {}): Jobs<{ add: typeof add }> => {
    const database = server.open({ max: 2 });
    const jobs = createJobs(database, { engine: make(url), queues: { add }, ...timeouts });
    opened.push(jobs);
    return jobs;
  };
  // It makes what an engine has in its store: that takes as long as it takes.
  const worker = of(target());
  await createOutboxTables(worker.database.current);
  worker.worker().handle(add, (value) => {
    values.push(value);
    return value + 1;
  });
  await (await worker.queues.add.push(0)).result();
  const jobs = of(proxy.url, { enqueueTimeout });
  // What is made once for a queue is there, however long that takes.
  const works = (push: () => Promise<unknown>): Promise<void> =>
    until('it is there', () => push().then(...settled), 30_000);
  await works(() => jobs.queues.add.pushAsync(1));
  await works(async () => await (await jobs.queues.add.push(2)).result());
  await until('all have run', () => values.length >= 3);
  values.length = 0;
  return { jobs, values };
}

await describeWith('Redis', 'the answer to the adding of a job is lost', () => {
  describe.each(Object.entries(engines))('on %s', (_name, engine) => {
    it('once: push finds out, and pushes once', async () => {
      const { jobs, values } = await start(engine);
      proxy.setAfter(engine.adds, 'down', { type: 'cut', after: 0 });
      const handle = await jobs.queues.add.push(7);
      expect(await handle.result()).toBe(8);
      expect(await jobs.queues.add.pushAsync(8)).toBe(9);
      expect(values).toEqual([7, 8]);
    });

    it('once: pushAsync gets its answer', async () => {
      const { jobs, values } = await start(engine);
      proxy.setAfter(engine.adds, 'down', { type: 'cut', after: 0 });
      expect(await jobs.queues.add.pushAsync(7)).toBe(8);
      expect(await jobs.queues.add.pushAsync(8)).toBe(9);
      expect(values).toEqual([7, 8]);
    });

    it('for good: push says that it may be there, and with what it is pushed once', async () => {
      const { jobs, values } = await start(engine, 1_000);
      proxy.setAfter(engine.adds, 'down', { type: 'swallow', after: 0 });
      const error = await rejection(jobs.queues.add.push(7));
      expect(error).toBeInstanceOf(EnqueueUnknownError);
      if (!(error instanceof EnqueueUnknownError)) return;
      expect(error).toMatchObject({ code: 'ENQUEUE_UNKNOWN', queue: 'add', again: { id: error.jobId } });
      expect(error.message).toContain(error.jobId);
      proxy.set('down', undefined);
      proxy.cut();
      await until('it is there', async () => {
        const again = await jobs.queues.add.push(7, error.again).catch(() => undefined);
        expect(again?.id ?? error.jobId).toBe(error.jobId);
        return again !== undefined;
      });
      expect(await jobs.queues.add.pushAsync(7, error.again)).toBe(8);
      expect(await jobs.queues.add.pushAsync(8)).toBe(9);
      expect(values).toEqual([7, 8]);
    });

    it('until after its time: push says that it may be there, and it is there once', async () => {
      const { jobs, values } = await start(engine, 500);
      proxy.setAfter(engine.adds, 'down', { type: 'delay', milliseconds: 1_500 });
      const error = await rejection(jobs.queues.add.push(7));
      expect(error).toMatchObject({ code: 'ENQUEUE_UNKNOWN' });
      if (!(error instanceof EnqueueUnknownError)) return;
      proxy.set('down', undefined);
      const { again } = error;
      await until('it answers', () => jobs.queues.add.pushAsync(7, again).then(...settled), 20_000);
      await until('it goes on', () => jobs.queues.add.pushAsync(8).then(...settled), 20_000);
      expect(values.filter((value) => value === 7)).toEqual([7]);
    });

    it('slowly, in pieces: nothing is lost, and nothing comes twice', async () => {
      const { jobs, values } = await start(engine);
      proxy.set('up', { type: 'fragment', size: 3 });
      proxy.set('down', { type: 'fragment', size: 1 });
      expect(await jobs.queues.add.pushAsync(7)).toBe(8);
      proxy.set('up', { type: 'delay', milliseconds: 50 });
      proxy.set('down', { type: 'delay', milliseconds: 50 });
      expect(await (await jobs.queues.add.push(8)).result()).toBe(9);
      expect(values).toEqual([7, 8]);
    });

    it('because the server is not reached: push says that it is not there, and it never is', async () => {
      const { jobs, values } = await start(engine, 500);
      proxy.refuse(true);
      proxy.cut();
      await until(
        'it is noticed',
        async () => (await rejection(jobs.queues.add.push(7)))['code'] === 'QUEUE_UNAVAILABLE',
      );
      expect(await rejection(jobs.queues.add.push(8))).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      expect(await rejection(jobs.queues.add.pushAsync(9))).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      proxy.refuse(false);
      await until('it works again', async () => (await jobs.queues.add.pushAsync(10).catch(() => 0)) === 11, 20_000);
      // Of the first it may not have been known.
      expect(values.filter((value) => value === 8 || value === 9)).toEqual([]);
    });
  });
});
