// Jobs that actors await, under every order of their statements; and those that they do not.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import {
  createJobs,
  defineQueue,
  type Jobs,
  memory,
  type QueueDefinition,
  type QueueEngineFactory,
} from '../../src/queue/index.ts';
import { interleave, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { rejection } from '../support/settled.ts';

type Queues = { readonly job: QueueDefinition<null, null> };

const server = useTestDatabase();
let database: Database<'default'>;
beforeEach(async () => {
  database = server.open({ max: 6 });
  await createOutboxTables(database.current);
});

const run = (text: string) => database.query<{ stock: number }>(text);
const seed = async (): Promise<void> => {
  await run('delete from product');
  await run('insert into product (id, stock) values (1, 5), (2, 5)');
};
const stock = async (id: number, lock: string): Promise<number> =>
  (await run(`select stock from product where id = ${id} ${lock}`)).rows[0]?.stock ?? Number.NaN;
const takeOne = async (lock: string): Promise<void> => {
  await run(`update product set stock = ${(await stock(1, lock)) - 1} where id = 1`);
};
const tried = (alice: () => unknown, bob: () => unknown): Promise<InterleaveReport> =>
  interleave(database, { setup: seed, actors: { alice, bob }, maxRemedyRuntime: 0 });

/** With jobs whose handler takes one, in the transaction of the job. */
async function withJobs(
  make: QueueEngineFactory,
  handler: () => Promise<unknown>,
  body: (jobs: Jobs<Queues>) => Promise<void>,
): Promise<void> {
  const job = defineQueue<null, null>('take');
  const jobs = createJobs(database, { queues: { job }, engine: make });
  jobs.worker().handle(job, async () => {
    await handler();
    return null;
  });
  try {
    await body(jobs);
  } finally {
    await jobs.obliterate();
    await jobs.close();
  }
}

function awaitedOver(make: () => QueueEngineFactory): void {
  it('is in the order where an actor awaits it in a transaction', async () => {
    for (const lock of ['for update', '']) {
      await withJobs(
        make(),
        () => takeOne(lock),
        async (jobs) => {
          const within = () =>
            database.transaction(async () => [await stock(2, ''), await jobs.queues.job.pushAsync(null)]);
          const report = await tried(within, () => database.transaction(() => takeOne(lock)));
          if (lock === '')
            expect(report.anomalies[0]).toMatchObject({ kind: 'lost update', pair: { table: 'product' } });
          else expect(report.toString()).toMatch(/^No anomaly in (\d+) of \1 orders of alice, bob$/m);
        },
      );
    }
  });
}

describe.skipIf(engine.name === 'sqlite')('a job in memory', () => {
  awaitedOver(() => memory());

  it('is in the order where an actor does nothing but await it, with the jobs that it awaits itself', async () => {
    const inner = defineQueue<null, null>('inner');
    const further = createJobs(database, { queues: { inner }, engine: memory() });
    further.worker().handle(inner, async () => {
      await takeOne('');
      return null;
    });
    const handler = () => further.queues.inner.pushAsync(null);
    await withJobs(memory(), handler, async (jobs) => {
      const report = await tried(
        () => jobs.queues.job.pushAsync(null),
        () => database.transaction(() => takeOne('')),
      );
      expect(report.anomalies[0]).toMatchObject({ kind: 'lost update', pair: { table: 'product' } });
      const updates = report.anomalies[0]?.steps.filter(({ text }) => text.startsWith('update'));
      expect(updates?.map(({ place }) => place)).toEqual([
        expect.stringContaining('interleave-jobs.test.ts'),
        expect.stringContaining('interleave-jobs.test.ts'),
      ]);
    });
    await further.close();
  });

  it('that waits for a lock of the actor that awaits it ends with an error, as without', async () => {
    await withJobs(
      memory(),
      () => takeOne('for update'),
      async (jobs) => {
        const waiting = () =>
          database.transaction(async () => {
            await takeOne('for update');
            await jobs.queues.job.pushAsync(null);
          });
        const report = await tried(waiting, () => database.transaction(() => takeOne('for update')));
        expect(report.toString()).toMatch(/^No anomaly in (\d+) of \1 orders of alice, bob$/m);
        expect(report.orders).toBeGreaterThan(1);
      },
    );
  });

  it('that is pushed and asked for its result later is named, and is in no order', async () => {
    await withJobs(
      memory(),
      () => takeOne('for update'),
      async (jobs) => {
        const alone = async (): Promise<unknown> => (await jobs.queues.job.push(null)).result();
        const bob = () => database.transaction(() => takeOne('for update'));
        expect(await rejection(tried(alone, bob))).toMatchObject({
          code: 'INTERLEAVE_ACTOR',
          message: expect.stringMatching(
            /^The actor "alice" has ended without a statement .* came from .*interleave-jobs\.test\.ts:\d+.* no actor sent\. Call in the actor/,
          ) as string,
        });
        const pushing = async (): Promise<unknown> => [await stock(2, ''), await alone()];
        const report = await tried(pushing, () => run('update product set stock = 9 where id = 2'));
        expect(report).toMatchObject({ isComplete: false, anomalies: [] });
        expect(report.notes.join()).toMatch(
          /^Statements came in between that no actor sent, the first at .*interleave-jobs\.test\.ts:\d+/,
        );
      },
    );
  });
});

if (engine.name !== 'sqlite') {
  await describeWith('Redis', 'a job in Redis', () => {
    awaitedOver(() => bullmq({ connection: redisUrl, prefix: redisKeys(`interleave-${engine.name}`) }));
  });
}

describe.skipIf(engine.name !== 'postgres')('a job of pg-boss', () => {
  awaitedOver(() => pgBoss({ connectionString: server.url, pollInterval: 100 }));
});
