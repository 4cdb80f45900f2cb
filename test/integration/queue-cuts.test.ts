import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelNames } from '../../src/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue, type Jobs, type QueueEngineFactory } from '../../src/queue/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { type Direction, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { until } from '../support/settled.ts';

/** How many cuts there are in each direction, spread over the bytes of what is cut. */
const cuts = Number(process.env['SLUICE_QUEUE_CUTS'] ?? 12);
/** The longest that a call may take, in milliseconds, and what a machine may take for it besides. */
const timeout = 20_000;
const slack = 20_000;
const limit = { timeout: 240_000 };

const server = useTestDatabase('create table effect (value int not null)');
const charge = defineQueue<number, number>('charge', { timeout, concurrency: 4 });
const quiet = (): void => {};
const opened: Jobs[] = [];
let proxy: FaultProxy;
let scopes = 0;

beforeEach(() => {
  scopes += 1;
  subscribe(channelNames.backgroundError, quiet);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((jobs) => jobs.close({ timeout: 500 })));
  await proxy.close();
  await server.sql('delete from effect');
  unsubscribe(channelNames.backgroundError, quiet);
});

interface Engine {
  readonly target: () => string;
  readonly make: (url: string, scope: string) => QueueEngineFactory;
}

const engines: Record<string, Engine> = {
  'pg-boss': {
    target: () => server.url,
    make: (connectionString, schema) => pgBoss({ connectionString, schema, pollInterval: 100 }),
  },
  bullmq: {
    target: () => redisUrl,
    make: (connection, scope) => bullmq({ connection, prefix: redisKeys(scope), lostAfter: 1_000 }),
  },
};

type Charges = Jobs<{ charge: typeof charge }>;
type Told = 'done' | 'not there' | 'unknown';

/** Two processes: one that pushes, and one that works. One of them is behind the proxy. */
async function start(engine: Engine, behind: 'pusher' | 'worker'): Promise<Charges> {
  proxy = await startFaultProxy(engine.target());
  const scope = `cuts_${process.pid}_${scopes}`;
  const open = (url: string): Charges => {
    const jobs = createJobs(server.open({ max: 5 }), {
      engine: engine.make(url, scope),
      queues: { charge },
      enqueueTimeout: 5_000,
    });
    opened.push(jobs);
    return jobs;
  };
  const [pusher, worker] = [
    open(behind === 'pusher' ? proxy.url : engine.target()),
    open(behind === 'worker' ? proxy.url : engine.target()),
  ];
  await createOutboxTables(worker.database.current);
  worker.worker().handle(charge, async (value) => {
    await worker.database.current.query('insert into effect (value) values ($1)', [value]);
    return value + 1;
  });
  const works = async (value: number): Promise<boolean> =>
    (await pusher.queues.charge.pushAsync(value).catch(() => 0)) === value + 1;
  await until('it works', () => works(-1), 60_000);
  await until('it goes on working', () => works(-2), 60_000);
  return pusher;
}

const effects = async (value: number): Promise<number> =>
  (await server.sql('select 1 from effect where value = $1', [value])).length;

/** What a pusher is told of its job; every error has a code that says so, and comes in time. */
async function told(value: number, call: () => Promise<unknown>): Promise<Told> {
  const begun = performance.now();
  const result = await call().then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error: error as { readonly code?: string } }),
  );
  expect(performance.now() - begun).toBeLessThan(timeout + slack);
  if ('answer' in result) {
    if (result.answer !== undefined) expect(result.answer).toBe(value + 1);
    return 'done';
  }
  expect(['ENQUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE', 'JOB_TIMEOUT']).toContain(result.error.code);
  return result.error.code === 'QUEUE_UNAVAILABLE' ? 'not there' : 'unknown';
}

/** Places in the bytes that work takes, without those of a connection that has been opened anew for it. */
async function places(direction: Direction, work: () => Promise<unknown>): Promise<number[]> {
  const counted: number[] = [];
  for (let runs = 0; runs < 5; runs += 1) {
    proxy.set(direction, undefined);
    await work();
    counted.push(proxy.seen(direction));
  }
  const bytes = Math.min(...counted);
  expect(bytes).toBeGreaterThan(cuts);
  return Array.from({ length: cuts }, (_, index) => Math.floor((index * bytes) / cuts));
}

/** What was told is what is there, once the queue has come to rest. */
async function expectTruth(jobs: Charges, outcomes: ReadonlyMap<number, Told>): Promise<void> {
  proxy.set('up', undefined);
  proxy.set('down', undefined);
  await until('it works again', async () => (await jobs.queues.charge.pushAsync(-3).catch(() => 0)) === -2, 60_000);
  for (const [value, outcome] of outcomes) {
    if (outcome === 'done') await until(`${value} is there`, async () => (await effects(value)) > 0, 60_000);
  }
  for (const [value, outcome] of outcomes) {
    const count = await effects(value);
    if (outcome === 'done') expect(count).toBe(1);
    else if (outcome === 'not there') expect(count).toBe(0);
    else expect(count).toBeLessThanOrEqual(1);
  }
}

await describeWith('Redis', 'a connection that is cut', () => {
  describe.each(Object.entries(engines))('of %s', (_name, engine) => {
    it.each<Direction>(['up', 'down'])(
      'anywhere in a push or a pushAsync, %s: what its pusher is told is what is there',
      limit,
      async (direction) => {
        const jobs = await start(engine, 'pusher');
        const outcomes = new Map<number, Told>();
        const { charge: queue } = jobs.queues;
        const push = async (value: number): Promise<unknown> => void (await queue.push(value));
        let value = 0;
        let made = 0;
        for (const way of [push, (each: number) => queue.pushAsync(each)]) {
          for (const after of await places(direction, () => way(-4))) {
            value += 1;
            const own = value;
            proxy.set(direction, { type: 'cut', after });
            outcomes.set(own, await told(own, () => way(own)));
            if (proxy.seen(direction) > after) made += 1;
          }
        }
        // Not every run takes as many bytes as the one that was counted.
        expect(made).toBeGreaterThan(1.5 * cuts);
        expect([...outcomes.values()]).toContain('done');
        await expectTruth(jobs, outcomes);
      },
    );

    it.each<Direction>(['up', 'down'])(
      'anywhere in the taking and completing of a job, %s: it has its effect once, and its waiter is answered',
      limit,
      async (direction) => {
        const jobs = await start(engine, 'worker');
        const outcomes = new Map<number, Told>();
        const { charge: queue } = jobs.queues;
        const answers: Promise<number>[] = [];
        let value = 0;
        for (const after of await places(direction, () => queue.pushAsync(-4))) {
          value += 1;
          const own = value;
          proxy.set(direction, { type: 'cut', after });
          const handle = await queue.push(own);
          outcomes.set(own, 'done');
          const answered = handle.result({ timeout: 120_000 });
          answers.push(answered);
          // The next cut is of another moment: this job has been taken, or what took it is cut.
          await Promise.race([answered, until('it is cut or done', () => proxy.seen(direction) > after, 60_000)]);
        }
        await expectTruth(jobs, outcomes);
        expect(await Promise.all(answers)).toEqual([...outcomes.keys()].map((own) => own + 1));
      },
    );
  });
});
