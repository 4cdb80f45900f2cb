import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelNames } from '../../src/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import {
  createJobs,
  defineQueue,
  type EngineHost,
  type JobOutcome,
  type Jobs,
  type QueueEngineFactory,
} from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { hasRedisServer, type OwnRedis, ownRedis } from '../support/redis-server.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
const add = defineQueue<number, number>('add', { timeout: 20_000 });
const opened: Jobs[] = [];
const quiet = (): void => {};
let redis: OwnRedis;

beforeEach(async (context) => {
  const own = await ownRedis();
  if (own === undefined) return context.skip();
  redis = own;
  subscribe(channelNames.backgroundError, quiet);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((jobs) => jobs.close({ timeout: 100 })));
  await redis?.stop();
  unsubscribe(channelNames.backgroundError, quiet);
});

interface Process {
  readonly jobs: Jobs<{ add: typeof add }>;
  /** How many ends of jobs it was told of, without looking for them. */
  readonly told: () => number;
}

/** What one process has: its queues, and the events that reach it. */
function startProcess(enqueueTimeout = 300): Process {
  let told = 0;
  const engine: QueueEngineFactory = (host) => {
    const events = Object.assign(Object.create(host.events) as EngineHost['events'], {
      onSettled: (id: string, outcome: JobOutcome | undefined) => {
        told += 1;
        host.events.onSettled(id, outcome);
      },
    });
    return bullmq({ connection: redis.url, lostAfter: 1_000 })({ ...host, events });
  };
  const jobs = createJobs(server.open(), { engine, queues: { add }, enqueueTimeout });
  opened.push(jobs);
  return { jobs, told: () => told };
}

const work = ({ jobs }: Process): unknown => jobs.worker().handle(add, (value) => value + 1);

/** Asks until there is an answer, and then once more: that answer comes by itself. */
async function expectEvents({ jobs, told }: Process): Promise<void> {
  await until('it works', async () => (await jobs.queues.add.pushAsync(1).catch(() => 0)) === 2, 30_000);
  const before = told();
  expect(await jobs.queues.add.pushAsync(2)).toBe(3);
  await until('it was told of the end', () => told() > before);
}

const hasServer = hasRedisServer();

describe.skipIf(!hasServer)('a Redis that was away', { timeout: 60_000 }, () => {
  it.each(['the same process', 'another one'])(
    'is found by a process that has asked for an answer while it was; %s works',
    async (worker) => {
      const process = startProcess();
      await process.jobs.queues.add.push(0);
      await redis.stop();
      const error = await rejection(process.jobs.queues.add.pushAsync(1, { timeout: 2_000 }));
      expect(['QUEUE_UNAVAILABLE', 'JOB_TIMEOUT']).toContain(error['code']);
      await redis.start();
      work(worker === 'the same process' ? process : startProcess());
      await expectEvents(process);
    },
  );

  it('since the start is found by a process that only pushes', async () => {
    await redis.stop();
    const pusher = startProcess();
    expect(await rejection(pusher.jobs.queues.add.push(1))).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expect(await rejection(pusher.jobs.queues.add.pushAsync(1))).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await redis.start();
    work(startProcess());
    await expectEvents(pusher);
  });

  it('since the start is found by a worker', async () => {
    await redis.stop();
    const worker = startProcess();
    work(worker);
    await rejection(worker.jobs.queues.add.push(1));
    await redis.start();
    await expectEvents(startProcess(10_000));
  });

  it('twice is found twice, by pushers, waiters and workers', async () => {
    const [pusher, worker] = [startProcess(10_000), startProcess(10_000)];
    work(worker);
    await expectEvents(pusher);
    for (let times = 0; times < 2; times += 1) {
      const waiting = Promise.all([5, 6, 7].map((value) => pusher.jobs.queues.add.pushAsync(value)));
      await redis.stop();
      const during = pusher.jobs.queues.add.pushAsync(8);
      await redis.start();
      expect(await waiting).toEqual([6, 7, 8]);
      expect(await during).toBe(9);
      await expectEvents(pusher);
    }
  });

  it('since the start is not needed to push in a transaction', async () => {
    await redis.stop();
    const { jobs } = startProcess();
    await createOutboxTables(jobs.database.current);
    const handle = await jobs.database.transaction(() => jobs.queues.add.push(41));
    expect(await server.sql('select queue from sluice_outbox')).toEqual([{ queue: 'add' }]);
    await redis.start();
    jobs.worker().handle(add, (value) => value + 1);
    await until('it has run', async () => (await handle.result({ timeout: 5_000 }).catch(() => 0)) === 42, 30_000);
  });

  it.each([
    ['while a worker is idle', 0],
    ['while a job runs', 1],
  ])('and stays away keeps no worker from closing: %s', { timeout: 30_000 }, async (_when, value) => {
    const process = startProcess();
    const { jobs } = process;
    const running = signal();
    jobs.worker().handle(add, async (given) => {
      if (given === 0) return 1;
      running.fire();
      return await new Promise<number>(() => {});
    });
    expect(await jobs.queues.add.pushAsync(0)).toBe(1);
    if (value === 1) {
      await jobs.queues.add.push(value);
      await running.promise;
    }
    await redis.stop();
    await until('it is noticed', async () => {
      return (await rejection(jobs.queues.add.push(2)))['code'] === 'QUEUE_UNAVAILABLE';
    });
    await jobs.close({ timeout: 200 });
  });

  it('and answers no more keeps no worker from closing', { timeout: 30_000 }, async () => {
    const proxy = await startFaultProxy(redis.url);
    try {
      const jobs = createJobs(server.open(), {
        engine: bullmq({ connection: proxy.url, lostAfter: 1_000 }),
        queues: { add },
      });
      opened.push(jobs);
      jobs.worker().handle(add, (value) => value + 1);
      expect(await jobs.queues.add.pushAsync(1)).toBe(2);
      for (const direction of ['up', 'down'] as const) proxy.set(direction, { type: 'swallow', after: 0 });
      await jobs.close({ timeout: 200 });
    } finally {
      await proxy.close();
    }
  });

  it('bounds the wait for a result by its own time and signal', { timeout: 30_000 }, async () => {
    await redis.stop();
    const { jobs } = startProcess(60_000);
    await createOutboxTables(jobs.database.current);
    const handle = await jobs.database.transaction(() => jobs.queues.add.push(1));
    expect(await rejection(handle.result({ timeout: 100 }))).toMatchObject({ code: 'JOB_TIMEOUT' });
    const controller = new AbortController();
    const waiting = rejection(handle.result({ signal: controller.signal }));
    const reason = new Error('the page was left');
    controller.abort(reason);
    expect(await waiting).toBe(reason);
  });

  it('bounds the question where a job is', { timeout: 30_000 }, async () => {
    const { jobs } = startProcess();
    const handle = await jobs.queues.add.push(1);
    expect(await handle.status()).toBe('waiting');
    await redis.stop();
    for (const asked of [handle.status(), handle.progress()]) {
      expect(await rejection(asked)).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    }
  });

  it('and stays away keeps nobody from closing', async () => {
    await redis.stop();
    const process = startProcess(60_000);
    work(process);
    const pushing = rejection(process.jobs.queues.add.pushAsync(1));
    await process.jobs.close({ timeout: 100 });
    expect(await pushing).toMatchObject({ code: 'JOBS_CLOSED' });
  });
});
