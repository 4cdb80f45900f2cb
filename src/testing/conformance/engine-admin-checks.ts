import { randomUUID } from 'node:crypto';
import type {
  EngineJob,
  JobAdministration,
  JobCounts,
  JobListState,
  JobSummary,
  QueueEngine,
} from '../../queue/engine/index.ts';
import { completed, dataOf, type EngineBench, jobOf, type OpenEngine, stateOf } from './engine-bench.ts';
import { expectEqual, expectRejection, expectThat, until } from './expect.ts';
import type { CheckOf } from './suite.ts';

const failure = { name: 'SoldOutError', message: 'sold out', code: 'SOLD_OUT' };
const none: JobCounts = { waiting: 0, delayed: 0, active: 0, completed: 0, failed: 0 };
const hour = 3_600_000;

/** Makes a check of an engine that has an administration; others pass. */
function check(
  name: string,
  run: (bench: EngineBench, admin: JobAdministration, open: OpenEngine) => Promise<void>,
): CheckOf<EngineBench> {
  return {
    name,
    async run(bench) {
      const open = await bench.open();
      const { administration } = open.engine;
      if (administration !== undefined) await run(bench, administration, open);
    },
  };
}

/** Runs jobs to their end: those whose data is `bad` fail. */
function work(bench: EngineBench, engine: QueueEngine, level = 0): void {
  bench.lane(
    engine,
    (delivery) =>
      Promise.resolve(
        dataOf(delivery) === 'bad'
          ? { type: 'failed', outcome: { type: 'failed', failure } }
          : { type: 'completed', outcome: { type: 'completed', value: 'INV-1' } },
      ),
    { level },
  );
}

async function ended(engine: QueueEngine, ...jobs: readonly EngineJob[]): Promise<void> {
  for (const job of jobs) await until(async () => (await stateOf(engine, job))?.outcome !== undefined);
}

/** All jobs of a state, read in pages. */
async function pages(admin: JobAdministration, state: JobListState, limit: number): Promise<readonly JobSummary[]> {
  const found: JobSummary[] = [];
  let cursor: string | undefined;
  do {
    const page = await admin.list('invoice', { state, limit, cursor });
    expectThat(`a page has at most ${limit} jobs`, page.jobs.length <= limit);
    found.push(...page.jobs);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

const idsOf = (jobs: readonly Pick<JobSummary, 'id'>[]): readonly string[] => jobs.map(({ id }) => id);

/** What administrators do: counting, listing, looking, retrying, discarding. */
export const engineAdminChecks: readonly CheckOf<EngineBench>[] = [
  check('counts the jobs of a queue by state, at all levels', async (bench, admin, { engine }) => {
    expectEqual('the counts of a queue without jobs', await admin.counts('invoice'), none);
    const ends = [jobOf('good'), jobOf('bad'), jobOf('good', { level: 1 })];
    work(bench, engine);
    work(bench, engine, 1);
    await engine.add([...ends, jobOf('later', { delay: hour }), jobOf('other', { queue: 'mail' })]);
    await ended(engine, ...ends);
    await engine.add([jobOf('waits', { level: 2 })]);
    expectEqual('the counts', await admin.counts('invoice'), {
      ...none,
      waiting: 1,
      delayed: 1,
      completed: 2,
      failed: 1,
    });
  }),

  check('lists waiting jobs as they will run, page by page', async (_bench, admin, { engine }) => {
    const [first, second, third] = [jobOf('1'), jobOf('2'), jobOf('3')];
    const [late, later] = [jobOf('4', { priority: 5 }), jobOf('5', { priority: 9 })];
    for (const job of [later, first, late, second, third]) await engine.add([job]);
    const expected = idsOf([first, second, third, late, later]);
    expectEqual('the list', idsOf(await pages(admin, 'waiting', 100)), expected);
    expectEqual('the list in pages of two', idsOf(await pages(admin, 'waiting', 2)), expected);
    expectEqual('the list of another state', await pages(admin, 'failed', 2), []);
  }),

  check('lists delayed jobs by the time at which they may run', async (_bench, admin, { engine }) => {
    const delays = [3, 1, 2];
    const jobs = delays.map((hours) => jobOf(hours, { delay: hours * hour }));
    for (const job of jobs) await engine.add([job]);
    const found = await pages(admin, 'delayed', 2);
    expectEqual('the list', idsOf(found), [jobs[1]?.id, jobs[2]?.id, jobs[0]?.id]);
    const wait = (found[0]?.availableAt?.getTime() ?? 0) - engine.now();
    expectThat(`the first may run in an hour, and not in ${wait} ms`, wait > hour - 60_000 && wait < hour + 60_000);
  }),

  check('lists jobs that have ended with the latest first, at all levels', async (bench, admin, { engine }) => {
    work(bench, engine);
    work(bench, engine, 1);
    const jobs = [jobOf('bad'), jobOf('bad', { level: 1 }), jobOf('bad')];
    for (const job of jobs) {
      await engine.add([job]);
      await ended(engine, job);
    }
    const found = await pages(admin, 'failed', 1);
    expectEqual('the list', idsOf(found), idsOf(jobs.toReversed()));
    const [latest, before] = found;
    expectEqual('the levels', [latest?.level, before?.level], [0, 1]);
    expectEqual('"failures"', latest?.failures, 1);
    expectEqual('"failure"', [latest?.failure?.message, latest?.failure?.code], [failure.message, failure.code]);
    expectThat('"endedAt" is a time', (latest?.endedAt?.getTime() ?? 0) >= (latest?.addedAt.getTime() ?? Infinity));
  }),

  check('lists what stays in its state once, whatever leaves it', async (bench, admin, { engine }) => {
    const jobs = Array.from({ length: 6 }, () => jobOf('bad'));
    work(bench, engine);
    await engine.add(jobs);
    await ended(engine, ...jobs);
    const { jobs: first, cursor } = await admin.list('invoice', { state: 'failed', limit: 2, cursor: undefined });
    for (const { id } of first) await admin.discard('invoice', id);
    const { jobs: rest } = await admin.list('invoice', { state: 'failed', limit: 10, cursor });
    expectEqual('all of them', [...idsOf(first), ...idsOf(rest)].toSorted(), [...idsOf(jobs)].toSorted());
  }),

  check('refuses a cursor that is none', async (_bench, admin) => {
    for (const cursor of ['x', Buffer.from('[1]').toString('base64url'), Buffer.from('"a"').toString('base64url')]) {
      const error = await expectRejection('listing', admin.list('invoice', { state: 'failed', limit: 2, cursor }));
      expectThat('the error is an InvalidOptionError', error instanceof Error && error.name === 'InvalidOptionError');
    }
  }),

  check('looks at a job, with its payload where that is asked for', async (bench, admin, { engine }) => {
    const job = jobOf({ orderId: 7 }, { attempts: 3, priority: 4, level: 1 });
    await engine.add([job]);
    const found = await admin.find('invoice', job.id, false);
    const { id, queue, level, state, attempts, priority, failures } = found?.summary ?? {};
    const expected = [job.id, 'invoice', 1, 'waiting', 3, 4, 0];
    expectEqual('what is known', [id, queue, level, state, attempts, priority, failures], expected);
    expectEqual('the payload', [found?.envelope, found?.outcome], [undefined, undefined]);
    expectEqual('the envelope', (await admin.find('invoice', job.id, true))?.envelope, job.envelope);
    work(bench, engine, 1);
    await ended(engine, job);
    const after = await admin.find('invoice', job.id, true);
    expectEqual('the state after its end', after?.summary.state, 'completed');
    expectEqual('the outcome', after?.outcome, { type: 'completed', value: 'INV-1' });
    expectEqual('a job that is not there', await admin.find('invoice', randomUUID(), true), undefined);
    expectEqual('a job of another queue', await admin.find('mail', job.id, true), undefined);
  }),

  check('retries a job that has failed with all of its attempts, once', async (bench, admin, { engine }) => {
    const job = jobOf('flaky', { attempts: 2, backoff: { type: 'fixed', delay: 1 } });
    const attempts: number[] = [];
    let isMended = false;
    bench.lane(engine, ({ attempt }) => {
      attempts.push(attempt);
      if (isMended && attempt === 2) return Promise.resolve(completed);
      return Promise.resolve(
        attempt === 1 ? { type: 'retry', failure } : { type: 'failed', outcome: { type: 'failed', failure } },
      );
    });
    await engine.add([job]);
    await ended(engine, job);
    isMended = true;
    const states = await Promise.all([admin.retry('invoice', job.id), admin.retry('invoice', job.id)]);
    expectEqual('how often it was retried', states.filter((state) => state === 'failed').length, 1);
    await until(async () => (await stateOf(engine, job))?.status === 'completed');
    expectEqual('the attempts', attempts, [1, 2, 1, 2]);
    expectEqual('retrying what is completed', await admin.retry('invoice', job.id), 'completed');
    expectEqual('retrying what is not there', await admin.retry('invoice', randomUUID()), undefined);
    expectEqual('the attempts afterwards', attempts, [1, 2, 1, 2]);
  }),

  check('leaves a job alone that waits when it is retried', async (_bench, admin, { engine }) => {
    const [waits, later] = [jobOf('waits'), jobOf('later', { delay: hour })];
    await engine.add([waits, later]);
    expectEqual('a waiting one', await admin.retry('invoice', waits.id), 'waiting');
    expectEqual('a delayed one', await admin.retry('invoice', later.id), 'delayed');
    expectEqual('the counts', await admin.counts('invoice'), { ...none, waiting: 1, delayed: 1 });
  }),

  check(
    'discards jobs that do not run, and tells those who wait',
    async (bench, admin, { engine, processId, settled }) => {
      await engine.listen();
      const [waits, later] = [
        jobOf('waits', { replyTo: processId }),
        jobOf('later', { delay: hour, replyTo: processId }),
      ];
      const failed = jobOf('bad', { level: 1 });
      work(bench, engine, 1);
      await engine.add([waits, later, failed]);
      await ended(engine, failed);
      for (const [{ id }, state] of [
        [waits, 'waiting'],
        [later, 'delayed'],
        [failed, 'failed'],
      ] as const) {
        expectEqual(`discarding what is ${state}`, await admin.discard('invoice', id), state);
        expectEqual('discarding it again', await admin.discard('invoice', id), undefined);
        expectEqual('looking at it', await admin.find('invoice', id, false), undefined);
      }
      await until(() => settled.has(waits.id) && settled.has(later.id));
      const outcome = settled.get(waits.id);
      expectEqual('the code', outcome?.type === 'failed' ? outcome.failure.code : undefined, 'JOB_DISCARDED');
      const next = jobOf('next');
      const ran: unknown[] = [];
      bench.lane(engine, (delivery) => {
        ran.push(dataOf(delivery));
        return Promise.resolve(completed);
      });
      await engine.add([next]);
      await ended(engine, next);
      expectEqual('what ran', ran, ['next']);
    },
  ),

  check('leaves a job alone that runs', async (bench, admin, { engine }) => {
    const job = jobOf('runs');
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    bench.lane(engine, async () => {
      await mayEnd;
      return completed;
    });
    await engine.add([job]);
    try {
      await until(async () => (await admin.find('invoice', job.id, false))?.summary.state === 'active');
      expectEqual('the counts', await admin.counts('invoice'), { ...none, active: 1 });
      expectEqual('the list', idsOf(await pages(admin, 'active', 10)), [job.id]);
      expectEqual('retrying it', await admin.retry('invoice', job.id), 'active');
      expectEqual('discarding it', await admin.discard('invoice', job.id), 'active');
    } finally {
      end();
    }
    await until(async () => (await stateOf(engine, job))?.status === 'completed');
  }),

  check(
    'runs or discards a job that is discarded while it begins, and never both',
    async (bench, admin, { engine }) => {
      const ran = new Set<string>();
      bench.lane(
        engine,
        ({ id }) => {
          ran.add(id);
          return Promise.resolve(completed);
        },
        { concurrency: 4 },
      );
      const jobs = Array.from({ length: 20 }, (_, at) => jobOf(at));
      await engine.add(jobs);
      const states = await Promise.all(jobs.map(({ id }) => admin.discard('invoice', id)));
      const left = jobs.filter((_, at) => states[at] === 'active');
      await ended(engine, ...left);
      for (const [at, { id }] of jobs.entries()) {
        if (states[at] === 'waiting') expectThat('a job that was discarded while it waited has not run', !ran.has(id));
        if (states[at] === 'active') expectThat('a job that was left alone has run', ran.has(id));
      }
    },
  ),
];
