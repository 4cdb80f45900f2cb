import type { Delivery } from '../../queue/engine/index.ts';
import { completed, dataOf, type EngineBench, jobOf, stateOf } from './engine-bench.ts';
import { expectEqual, expectThat, until } from './expect.ts';
import type { CheckOf } from './suite.ts';

const failure = { name: 'SoldOutError', message: 'sold out', code: 'SOLD_OUT' };

/** Jobs: how they are added, handed out, settled and looked up. */
export const engineDeliveryChecks: readonly CheckOf<EngineBench>[] = [
  {
    name: 'keeps a job that was added, and says that it waits',
    async run(bench) {
      const { engine } = await bench.open();
      const job = jobOf('a');
      await engine.add([job]);
      expectEqual('the status', (await stateOf(engine, job))?.status, 'waiting');
      expectEqual('the state of a job that it does not know', await stateOf(engine, jobOf('b')), undefined);
    },
  },
  {
    name: 'hands out a job with its id, its envelope and its attempt',
    async run(bench) {
      const { engine } = await bench.open();
      const job = jobOf({ orderId: 1, note: 'zwölf "Stück"' }, { attempts: 3 });
      const seen: Delivery[] = [];
      bench.lane(engine, (delivery) => {
        seen.push(delivery);
        return Promise.resolve(completed);
      });
      await engine.add([job]);
      await until(() => seen.length > 0);
      const [first] = seen;
      expectEqual('"id"', first?.id, job.id);
      expectEqual('"envelope"', first?.envelope, job.envelope);
      expectEqual('"attempt"', first?.attempt, 1);
      expectEqual('"attempts"', first?.attempts, 3);
      expectEqual('"redelivered"', first?.redelivered, false);
      expectEqual('whether "claim" has aborted', first?.claim.aborted, false);
    },
  },
  {
    name: 'tells the process that waits for a job how it ended, and every process that looks',
    async run(bench) {
      const [pusher, worker] = [await bench.open(), await bench.open()];
      await pusher.engine.listen();
      const { processId: replyTo } = pusher;
      const [good, bad] = [jobOf('good', { replyTo }), jobOf('bad', { replyTo })];
      const value = { number: 'INV-1', lines: [1, 2] };
      bench.lane(worker.engine, (delivery) =>
        Promise.resolve(
          dataOf(delivery) === 'good'
            ? { type: 'completed', outcome: { type: 'completed', value } }
            : { type: 'failed', outcome: { type: 'failed', failure } },
        ),
      );
      await pusher.engine.add([good, bad]);
      await until(() => pusher.settled.has(good.id) && pusher.settled.has(bad.id));
      const [first, second] = [await stateOf(worker.engine, good), await stateOf(worker.engine, bad)];
      expectEqual('the status of the good one', first?.status, 'completed');
      expectEqual('the outcome of the good one', first?.outcome, { type: 'completed', value });
      expectEqual('the status of the bad one', second?.status, 'failed');
      expectEqual('the type of its outcome', second?.outcome?.type, 'failed');
      const told = second?.outcome?.type === 'failed' ? second.outcome.failure : undefined;
      expectEqual('the failure of the bad one', [told?.name, told?.message, told?.code], Object.values(failure));
    },
  },
  {
    name: 'runs a job again that is to be repeated, counts the attempt, and says until then that it waits',
    async run(bench) {
      const { engine } = await bench.open();
      const job = jobOf('flaky', { attempts: 2, backoff: { type: 'fixed', delay: 600 } });
      const attempts: number[] = [];
      bench.lane(engine, ({ attempt }) => {
        attempts.push(attempt);
        return Promise.resolve(attempt === 1 ? { type: 'retry', failure } : completed);
      });
      await engine.add([job]);
      await until(() => attempts.length === 1);
      await until(async () => (await stateOf(engine, job))?.status === 'waiting');
      await until(async () => (await stateOf(engine, job))?.status === 'completed');
      expectEqual('the attempts', attempts, [1, 2]);
    },
  },
  {
    name: 'runs a job again that was released, as if it had not been taken',
    async run(bench) {
      const { engine } = await bench.open();
      const job = jobOf('released', { attempts: 1 });
      const attempts: number[] = [];
      bench.lane(engine, ({ attempt }) => {
        attempts.push(attempt);
        return Promise.resolve(attempts.length === 1 ? { type: 'released' } : completed);
      });
      await engine.add([job]);
      await until(async () => (await stateOf(engine, job))?.status === 'completed');
      expectEqual('the attempts', attempts, [1, 1]);
    },
  },
  {
    name: 'takes each id once',
    async run(bench) {
      const { engine } = await bench.open();
      const job = jobOf('first');
      const ran: unknown[] = [];
      await engine.add([job]);
      await engine.add([{ ...job, envelope: { ...job.envelope, data: 'second' } }]);
      bench.lane(engine, (delivery) => {
        ran.push(dataOf(delivery));
        return Promise.resolve(completed);
      });
      await until(async () => (await stateOf(engine, job))?.status === 'completed');
      const last = jobOf('last');
      await engine.add([job, last]);
      await until(async () => (await stateOf(engine, last))?.status === 'completed');
      expectEqual('what ran', ran, ['first', 'last']);
    },
  },
  {
    name: 'hands out the envelope as it was added, whatever a handler does to it',
    async run(bench) {
      const { engine } = await bench.open();
      const job = jobOf({ count: 1 }, { attempts: 2 });
      const seen: unknown[] = [];
      bench.lane(engine, (delivery) => {
        const data = dataOf(delivery) as { count: number };
        seen.push(data.count);
        data.count += 1;
        return Promise.resolve(delivery.attempt === 1 ? { type: 'retry', failure } : completed);
      });
      await engine.add([job]);
      await until(async () => (await stateOf(engine, job))?.status === 'completed');
      expectEqual('the data of each attempt', seen, [1, 1]);
    },
  },
  {
    name: 'passes the progress of a job on',
    async run(bench) {
      const { processId, engine, progress } = await bench.open();
      await engine.listen();
      const job = jobOf('slow', { replyTo: processId });
      const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
      bench.lane(engine, async (delivery) => {
        await delivery.progress({ percent: 50 });
        await mayEnd;
        return completed;
      });
      await engine.add([job]);
      try {
        await until(async () => (await stateOf(engine, job))?.progress !== undefined);
        const state = await stateOf(engine, job);
        expectEqual('the status while it runs', state?.status, 'active');
        expectEqual('the progress that is looked up', state?.progress, { percent: 50 });
        await until(() => progress.length > 0);
        expectEqual('the progress that is told', progress[0], { id: job.id, value: { percent: 50 } });
      } finally {
        end();
      }
    },
  },
  {
    name: 'forgets all jobs when it is told to',
    async run(bench) {
      const { engine } = await bench.open();
      const job = jobOf('a');
      await engine.add([job]);
      await engine.obliterate();
      // It may have deleted what it was started on.
      const next = await bench.open();
      expectEqual('the state of the job', await stateOf(next.engine, job), undefined);
    },
  },
  {
    name: 'counts milliseconds by a clock that goes on',
    async run(bench) {
      const { engine } = await bench.open();
      const start = engine.now();
      await until(() => engine.now() > start);
      const elapsed = engine.now() - start;
      expectThat(`the clock advances by milliseconds; it advanced by ${elapsed}`, elapsed < 4_000);
      expectThat('"name" is text', engine.name !== '');
    },
  },
  {
    name: 'says of any error of "add" whether the jobs may be there',
    async run(bench) {
      const { engine } = await bench.open();
      for (const error of [new Error('refused'), 'text', undefined, Object.freeze({})])
        expectEqual('the type of the answer', typeof engine.mayHaveAdded(error), 'boolean');
    },
  },
  {
    name: 'adds jobs in the transaction that it is given: they are there if it commits',
    async run(bench) {
      const { engine } = await bench.open();
      if (engine.capabilities.enqueue !== 'transaction') return;
      const { transaction } = bench.fixture;
      if (transaction === undefined) throw new TypeError('make() gives no "transaction", which this engine needs');
      const [kept, dropped] = [jobOf('kept'), jobOf('dropped')];
      const rolledBack = new Error('rolled back on purpose');
      await transaction(async (via) => {
        await engine.add([kept], via);
        expectEqual('the state before the commit', await stateOf(engine, kept), undefined);
      });
      engine.announce([kept]);
      await transaction(async (via) => {
        await engine.add([dropped], via);
        throw rolledBack;
      }).catch((error: unknown) => {
        if (error !== rolledBack) throw error;
      });
      expectEqual('the status after the commit', (await stateOf(engine, kept))?.status, 'waiting');
      expectEqual('the state after the rollback', await stateOf(engine, dropped), undefined);
    },
  },
  {
    name: 'acknowledges a job in the transaction of its effects, if it says that it can',
    async run(bench) {
      const { engine } = await bench.open();
      const { transaction } = bench.fixture;
      if (!engine.capabilities.transactionalAck) return;
      if (transaction === undefined) throw new TypeError('make() gives no "transaction", which this engine needs');
      const job = jobOf('a');
      const outcome = { type: 'completed', value: 1 } as const;
      const acknowledged: unknown[] = [];
      bench.lane(engine, async (delivery) => {
        await transaction(async (via) => {
          acknowledged.push(await delivery.acknowledge?.(via, outcome));
          expectEqual('the status before the commit', (await stateOf(engine, job))?.status, 'active');
        });
        return { type: 'acknowledged', outcome };
      });
      await engine.add([job]);
      await until(async () => (await stateOf(engine, job))?.status === 'completed');
      expectEqual('what "acknowledge" returned', acknowledged, [true]);
    },
  },
];
