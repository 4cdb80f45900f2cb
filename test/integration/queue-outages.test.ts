import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { channelNames } from '../../src/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue, type Jobs } from '../../src/queue/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { type OwnRedis, ownRedis } from '../support/redis-server.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const opened: Jobs[] = [];
let redis: OwnRedis | undefined;
const quiet = (): void => {};

afterEach(async () => {
  for (const jobs of opened.splice(0)) await jobs.close({ timeout: 100 });
  await redis?.stop();
  unsubscribe(channelNames.backgroundError, quiet);
});

describe('Redis that is stopped and started', () => {
  it(
    'during 1,000 pushAsync: every one settles by its deadline, and afterwards all works',
    { timeout: 60_000 },
    async () => {
      redis = await ownRedis();
      if (redis === undefined) return;
      subscribe(channelNames.backgroundError, quiet);
      const database = server.open();
      const add = defineQueue<number, number>('add', { timeout: 6_000, concurrency: 5 });
      const jobs = createJobs(database, {
        engine: bullmq({ connection: redis.url, lostAfter: 1_000 }),
        queues: { add },
      });
      opened.push(jobs);
      let ran = 0;
      jobs.worker().handle(add, async (value) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        ran += 1;
        return value + 1;
      });
      expect(await jobs.queues.add.pushAsync(0)).toBe(1);
      const start = performance.now();
      const lateness: number[] = [];
      const answers = Array.from({ length: 1_000 }, async (_, value) => {
        const settled = await jobs.queues.add.pushAsync(value).then(
          (result) => ({ result }),
          (error: unknown) => ({ error: error as { code?: string } }),
        );
        lateness.push(performance.now() - start);
        return settled;
      });
      await until('some have run', () => ran > 100);
      await redis.stop();
      await redis.start();
      const settled = await Promise.all(answers);
      // The bound of a test, not of the machine: a deadline of 6 s, and what 1,000 timers take.
      expect(Math.max(...lateness)).toBeLessThan(9_000);
      const results = settled.filter((each) => 'result' in each);
      expect(results.length).toBeGreaterThan(100);
      for (const each of settled) if ('error' in each) expect(each.error.code).toBe('JOB_TIMEOUT');
      settled.forEach((each, value) => {
        if ('result' in each) expect(each.result).toBe(value + 1);
      });
      await until('it works again', async () => (await jobs.queues.add.pushAsync(1).catch(() => 0)) === 2, 20_000);
    },
  );

  it('keeps what committed meanwhile in the outbox, and brings it afterwards', { timeout: 60_000 }, async () => {
    redis = await ownRedis();
    if (redis === undefined) return;
    subscribe(channelNames.backgroundError, quiet);
    const database = server.open();
    await createOutboxTables(database.current);
    const mail = defineQueue<number, void>('mail');
    const engine = bullmq({ connection: redis.url, lostAfter: 1_000 });
    const jobs = createJobs(database, { engine, queues: { mail }, enqueueTimeout: 300 });
    opened.push(jobs);
    const got: number[] = [];
    jobs.worker().handle(mail, (value) => void got.push(value));
    await (await jobs.queues.mail.push(0)).result();
    await redis.stop();
    for (let value = 1; value <= 20; value += 1) await database.transaction(() => jobs.queues.mail.push(value));
    expect(await rejection(jobs.queues.mail.push(99))).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await redis.start();
    await until('all have come', () => new Set(got.filter((value) => value <= 20)).size === 21, 30_000);
    await until('the outbox is empty', async () => (await server.sql('select 1 from sluice_outbox')).length === 0);
  });
});

describe('an engine that cannot be reached', () => {
  it.each([
    ['pg-boss', () => pgBoss({ connectionString: 'postgres://shop:hunter2@127.0.0.1:1/shop' })],
    ['bullmq', () => bullmq({ connection: 'redis://shop:hunter2@127.0.0.1:1' })],
  ])('%s is an error for who pushes, without the password, and does not keep the process', async (_name, engine) => {
    subscribe(channelNames.backgroundError, quiet);
    const add = defineQueue<number, number>('add', { timeout: 500 });
    const jobs = createJobs(server.open(), { engine: engine(), queues: { add }, enqueueTimeout: 500 });
    opened.push(jobs);
    for (const error of [await rejection(jobs.queues.add.push(1)), await rejection(jobs.queues.add.pushAsync(1))]) {
      expect(error.message).not.toContain('hunter2');
      expect(error['code']).toMatch(/QUEUE_UNAVAILABLE|JOB_TIMEOUT|ECONNREFUSED/);
    }
  });

  it('is not waited for without end by obliterate()', { timeout: 60_000 }, async () => {
    redis = await ownRedis();
    if (redis === undefined) return;
    subscribe(channelNames.backgroundError, quiet);
    const jobs = createJobs(server.open(), {
      engine: bullmq({ connection: redis.url }),
      queues: { add: defineQueue<number, number>('add') },
      enqueueTimeout: 500,
    });
    opened.push(jobs);
    await jobs.obliterate();
    await redis.stop();
    expect(await rejection(jobs.obliterate())).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
  });

  it('pg-boss on another database than the client is refused', async () => {
    const add = defineQueue<number, number>('add');
    const engine = pgBoss({ connectionString: process.env['DATABASE_URL'] ?? '', schema: 'sluice_test_boss' });
    const jobs = createJobs(server.open(), { engine, queues: { add } });
    opened.push(jobs);
    try {
      expect(await rejection(jobs.queues.add.push(1))).toMatchObject({ code: 'INVALID_OPTION' });
    } finally {
      await dropSchema();
    }
  });

  it('options that cannot be are refused without their values', () => {
    for (const make of [
      () => pgBoss({ connectionString: 'mysql://hunter2' }),
      () => bullmq({ connection: 'http://hunter2' }),
      () => pgBoss({} as never),
      () => bullmq({} as never),
    ]) {
      expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
      expect(make).not.toThrow('hunter2');
    }
  });
});

async function dropSchema(): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
  await client.connect();
  await client.query('drop schema if exists sluice_test_boss cascade');
  await client.end();
}
