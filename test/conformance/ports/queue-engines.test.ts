import { describe, expect, it } from 'vitest';
import { bullmq } from '../../../src/queue/engines/bullmq/index.ts';
import { pgBoss } from '../../../src/queue/engines/pg-boss/index.ts';
import { memory } from '../../../src/queue/index.ts';
import type {
  JobAdministration,
  LaneOptions,
  QueueEngine,
  QueueEngineFactory,
} from '../../../src/queue/engine/index.ts';
import { queueEngineSuite, register } from '../../../src/testing/conformance/index.ts';
import { useTestDatabase } from '../../support/database.ts';
import { describeWith, redisKeys, redisUrl } from '../../support/servers.ts';
import { expectFound, failuresOf } from './negative-controls.ts';

register(queueEngineSuite({ name: 'memory', make: () => ({ engine: memory() }) }), { describe, it });

await describeWith('Redis', 'BullMQ', () => {
  let made = 0;
  const make = (): { engine: QueueEngineFactory } => {
    made += 1;
    const prefix = redisKeys(`port-${process.pid}-${made}`);
    return { engine: bullmq({ connection: redisUrl, prefix }) };
  };
  register(queueEngineSuite({ name: 'bullmq', timeout: 20_000, make }), { describe, it });
});

describe('PostgreSQL', () => {
  const server = useTestDatabase();
  let made = 0;
  const suite = queueEngineSuite({
    name: 'pg-boss',
    timeout: 20_000,
    make() {
      const database = server.open();
      made += 1;
      return {
        engine: pgBoss({ connectionString: server.url, schema: `boss_${made}`, pollInterval: 100 }),
        sql: () => database.getDb({ level: 1 }),
        transaction: (body) => database.transaction(() => body(database.current)),
      };
    },
  });
  register(suite, { describe, it });
});

describe('a broken queue engine', () => {
  const suiteOn = (breaking: (engine: QueueEngine) => Partial<QueueEngine>): ReturnType<typeof queueEngineSuite> =>
    queueEngineSuite({
      name: 'broken',
      timeout: 2_500,
      make() {
        const factory = memory();
        return {
          engine: (host) => {
            const engine = factory(host);
            return { ...engine, ...breaking(engine) };
          },
        };
      },
    });
  const withLane = (change: (options: LaneOptions) => LaneOptions) => (engine: QueueEngine) => ({
    openLane: (options: LaneOptions) => engine.openLane(change(options)),
  });

  const withAdministration =
    (change: (admin: JobAdministration) => Partial<JobAdministration>) =>
    ({ administration }: QueueEngine): Partial<QueueEngine> => {
      if (administration === undefined) throw new Error('the engine has no administration');
      const bound: JobAdministration = {
        counts: (queue) => administration.counts(queue),
        list: (queue, page) => administration.list(queue, page),
        find: (queue, id, withPayload) => administration.find(queue, id, withPayload),
        retry: (queue, id) => administration.retry(queue, id),
        discard: (queue, id) => administration.discard(queue, id),
      };
      return { administration: { ...bound, ...change(bound) } };
    };

  it('is not found where nothing is broken', async () => {
    expect([...(await failuresOf(suiteOn(() => ({}))))]).toEqual([]);
  });

  it.each<[name: string, message: RegExp, breaking: (engine: QueueEngine) => Partial<QueueEngine>]>([
    [
      'keeps a job that was added, and says that it waits',
      /the status: expected 'waiting', found undefined/,
      () => ({ add: () => Promise.resolve() }),
    ],
    [
      'takes each id once',
      /what ran: expected \[ 'first', 'last' \]/,
      (engine) => ({
        add: (jobs) => engine.add(jobs.map((job) => ({ ...job, id: crypto.randomUUID() }))),
        look: async (jobs) =>
          new Map(jobs.map(({ id }) => [id, { status: 'completed', outcome: { type: 'completed' } }])),
      }),
    ],
    [
      'runs lower priorities first, and equal ones in the order in which they were added',
      /the order: expected/,
      (engine) => ({ add: (jobs) => engine.add(jobs.map((job) => ({ ...job, priority: 0 }))) }),
    ],
    [
      'holds a delayed job back',
      /expected \[ 'next', 'delayed' \]/,
      (engine) => ({ add: (jobs) => engine.add(jobs.map((job) => ({ ...job, delay: 0 }))) }),
    ],
    [
      'runs as many jobs at once as the concurrency of the lane says, and no more',
      /the most that ran at once: expected 2, found 3/,
      withLane((options) => ({ ...options, concurrency: options.concurrency + 1 })),
    ],
    [
      'takes nothing with a paused lane, and goes on when it is resumed',
      /a lane took that began paused: expected \[\], found \[ 'first' \]/,
      withLane((options) => ({ ...options, paused: false })),
    ],
    [
      'is closed once, however often it is asked to',
      /closed twice/,
      (engine) => {
        let isClosed = false;
        return {
          async close() {
            if (isClosed) throw new Error('closed twice');
            isClosed = true;
            await engine.close();
          },
        };
      },
    ],
    [
      'runs a job again that was released, as if it had not been taken',
      /the attempts: expected \[ 1, 1 \], found \[ 1, 2 \]/,
      withLane((options) => ({
        ...options,
        async run(delivery) {
          const settlement = await options.run(delivery);
          return settlement.type === 'released'
            ? { type: 'retry', failure: { name: 'Error', message: 'released' } }
            : settlement;
        },
      })),
    ],
    [
      'hands out the envelope as it was added, whatever a handler does to it',
      /the data of each attempt: expected \[ 1, 1 \], found \[ 1, 2 \]/,
      (engine) => {
        const envelopes = new Map<string, unknown>();
        return {
          openLane: (options) =>
            engine.openLane({
              ...options,
              run(delivery) {
                const envelope = envelopes.get(delivery.id) ?? delivery.envelope;
                envelopes.set(delivery.id, envelope);
                return options.run({ ...delivery, envelope });
              },
            }),
        };
      },
    ],
    [
      'tells the process that waits for a job how it ended, and every process that looks',
      /the outcome of the good one/,
      (engine) => ({
        look: async (jobs) =>
          new Map(
            [...(await engine.look(jobs))].map(([id, state]) => [id, { ...state, outcome: { type: 'completed' } }]),
          ),
      }),
    ],
    [
      'lets a lane take the jobs of its queue and level alone',
      /what the lane at level 0 took: expected \[ 'mine' \]/,
      (engine) => ({ add: (jobs) => engine.add(jobs.map((job) => ({ ...job, level: 0 }))) }),
    ],
    [
      'tells at which levels jobs of a queue arrive, and of those that wait already',
      /It did not end within 2500 ms/,
      () => ({ watchArrivals: () => Promise.resolve(() => Promise.resolve()) }),
    ],
    [
      'counts the jobs of a queue by state, at all levels',
      /the counts: expected \{/,
      withAdministration((admin) => ({
        counts: async (queue) => ({ ...(await admin.counts(queue)), delayed: 0 }),
      })),
    ],
    [
      'lists waiting jobs as they will run, page by page',
      /the list in pages of two: expected/,
      withAdministration((admin) => ({
        list: async (queue, page) => ({ ...(await admin.list(queue, page)), cursor: undefined }),
      })),
    ],
    [
      'retries a job that has failed with all of its attempts, once',
      /how often it was retried: expected 1, found 0/,
      withAdministration((admin) => ({
        retry: async (queue, id) =>
          (await admin.find(queue, id, false))?.summary.state === 'failed' ? 'waiting' : undefined,
      })),
    ],
    [
      'discards jobs that do not run, and tells those who wait',
      /discarding it again: expected undefined, found 'waiting'/,
      withAdministration((admin) => ({
        discard: async (queue, id) => (await admin.find(queue, id, false))?.summary.state,
      })),
    ],
  ])('is found by: %s', async (name, message, breaking) => {
    await expectFound(suiteOn(breaking), name, message);
  });
});
