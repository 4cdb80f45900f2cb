import type { EngineJob, LaneOptions } from '../../queue/engine/index.ts';
import { completed, dataOf, type EngineBench, jobOf, type OpenEngine, stateOf } from './engine-bench.ts';
import { expectEqual, expectThat, pause, until } from './expect.ts';
import type { CheckOf } from './suite.ts';

/** Longer than engines need to hand out a job. */
const aWhile = 300;

/** Lanes: which jobs they take, in which order and how many at once. */
export const engineLaneChecks: readonly CheckOf<EngineBench>[] = [
  {
    name: 'lets a lane take the jobs of its queue and level alone',
    async run(bench) {
      const { engine } = await bench.open();
      const jobs = [jobOf('mine'), jobOf('deeper', { level: 1 }), jobOf('other', { queue: 'mail' })];
      const ran: unknown[] = [];
      bench.lane(engine, collectIn(ran));
      await engine.add(jobs);
      await ended(engine, jobs.slice(0, 1));
      await pause(aWhile);
      expectEqual('what the lane at level 0 took', ran, ['mine']);
      bench.lane(engine, collectIn(ran), { level: 1 });
      await ended(engine, jobs.slice(1, 2));
      expectEqual('what both lanes took', ran, ['mine', 'deeper']);
    },
  },
  {
    name: 'runs lower priorities first, and equal ones in the order in which they were added',
    async run(bench) {
      const { engine } = await bench.open();
      const jobs = [
        jobOf('late', { priority: 10 }),
        jobOf('soon 1', { priority: 1 }),
        jobOf('first 1'),
        jobOf('soon 2', { priority: 1 }),
        jobOf('first 2'),
      ];
      for (const job of jobs) await engine.add([job]);
      const ran: unknown[] = [];
      bench.lane(engine, collectIn(ran));
      await ended(engine, jobs);
      expectEqual('the order', ran, ['first 1', 'first 2', 'soon 1', 'soon 2', 'late']);
    },
  },
  {
    name: 'holds a delayed job back',
    async run(bench) {
      const { engine } = await bench.open();
      const [delayed, next] = [jobOf('delayed', { delay: 1_200 }), jobOf('next')];
      const ran: { readonly data: unknown; readonly at: number }[] = [];
      const start = performance.now();
      bench.lane(engine, (delivery) => {
        ran.push({ data: dataOf(delivery), at: performance.now() - start });
        return Promise.resolve(completed);
      });
      await engine.add([delayed, next]);
      await ended(engine, [delayed, next]);
      expectEqual(
        'the order',
        ran.map(({ data }) => data),
        ['next', 'delayed'],
      );
      const [, last] = ran;
      // Engines may count in other units than milliseconds.
      expectThat(
        `a job with a delay of 1,200 ms runs after 1,000 ms or more; it ran after ${last?.at}`,
        (last?.at ?? 0) >= 1_000,
      );
    },
  },
  {
    name: 'runs as many jobs at once as the concurrency of the lane says, and no more',
    async run(bench) {
      const { engine } = await bench.open();
      const jobs = Array.from({ length: 5 }, (_, index) => jobOf(index));
      const running = { now: 0, most: 0 };
      const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
      bench.lane(
        engine,
        async () => {
          running.now += 1;
          running.most = Math.max(running.most, running.now);
          await mayEnd;
          running.now -= 1;
          return completed;
        },
        { concurrency: 2 },
      );
      await engine.add(jobs);
      try {
        await until(() => running.now >= 2);
        await pause(aWhile);
      } finally {
        end();
      }
      await ended(engine, jobs);
      expectEqual('the most that ran at once', running.most, 2);
    },
  },
  {
    name: 'hands each job to one of several workers',
    async run(bench) {
      const [one, other] = [await bench.open(), await bench.open()];
      const jobs = Array.from({ length: 20 }, (_, index) => jobOf(index));
      const ran: unknown[] = [];
      for (const { engine } of [one, other]) bench.lane(engine, collectIn(ran), { concurrency: 2 });
      await one.engine.add(jobs);
      await ended(one.engine, jobs);
      expectEqual(
        'what ran',
        ran.toSorted((a, b) => Number(a) - Number(b)),
        jobs.map((_, index) => index),
      );
    },
  },
  {
    name: 'takes nothing with a paused lane, and goes on when it is resumed',
    async run(bench) {
      const { engine } = await bench.open();
      const [first, ...more] = [jobOf('first'), jobOf('second'), jobOf('third'), jobOf('fourth')] as const;
      const ran: unknown[] = [];
      const lane = bench.lane(engine, collectIn(ran), { paused: true });
      await engine.add([first]);
      await pause(aWhile);
      expectEqual('what a lane took that began paused', ran, []);
      lane.resume();
      await ended(engine, [first]);
      await lane.pause();
      await engine.add(more);
      await pause(aWhile);
      // A request that its server has may still bring one.
      expectThat(`a paused lane takes no more than it has asked for; it took ${ran.length - 1} jobs`, ran.length <= 2);
      lane.resume();
      await ended(engine, more);
      expectEqual('what ran in the end', ran, ['first', 'second', 'third', 'fourth']);
    },
  },
  {
    name: 'closes a lane when what it runs has ended and is settled',
    async run(bench) {
      const { engine } = await bench.open();
      const [running, waiting] = [jobOf('running'), jobOf('waiting')];
      const ran: unknown[] = [];
      const lane = bench.lane(engine, async (delivery) => {
        ran.push(dataOf(delivery));
        await pause(aWhile);
        return completed;
      });
      await engine.add([running]);
      await until(() => ran.length === 1);
      await engine.add([waiting]);
      await lane.close();
      expectEqual('the status of the one that ran', (await stateOf(engine, running))?.status, 'completed');
      expectEqual('the status of the one that waits', (await stateOf(engine, waiting))?.status, 'waiting');
      expectEqual('what ran', ran, ['running']);
    },
  },
  {
    name: 'is closed once, however often it is asked to',
    async run(bench) {
      const { engine } = await bench.open();
      await engine.add([jobOf('first')]);
      await Promise.all([engine.close(), engine.close()]);
      await engine.close();
    },
  },
  {
    name: 'tells at which levels jobs of a queue arrive, and of those that wait already',
    async run(bench) {
      const { engine } = await bench.open();
      await engine.add([jobOf('before', { level: 2 }), jobOf('of another queue', { queue: 'mail', level: 3 })]);
      const levels = new Set<number>();
      const stop = await engine.watchArrivals('invoice', (level) => void levels.add(level));
      await until(() => levels.has(2));
      await engine.add([jobOf('after', { level: 1 })]);
      await until(() => levels.has(1));
      expectEqual('the levels', levels, new Set([1, 2]));
      await stop();
      levels.clear();
      await engine.add([jobOf('later')]);
      await pause(aWhile);
      expectEqual('the levels that are told after the end', [...levels], []);
    },
  },
];

function collectIn(ran: unknown[]): LaneOptions['run'] {
  return (delivery) => {
    ran.push(dataOf(delivery));
    return Promise.resolve(completed);
  };
}

async function ended(engine: OpenEngine['engine'], jobs: readonly EngineJob[]): Promise<void> {
  await until(async () => {
    const states = await engine.look(jobs);
    return jobs.every(({ id }) => states.get(id)?.status === 'completed');
  });
}
