import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelNames } from '../../src/index.ts';
import { createJobs, defineQueue, type Jobs } from '../../src/queue/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { rejection, until } from '../support/settled.ts';

type Options = Parameters<typeof pgBoss>[0];

const server = useTestDatabase();
const add = defineQueue<number, number>('add', { timeout: 20_000, concurrency: 5 });
const closing: (() => Promise<unknown>)[] = [];
const errors: unknown[] = [];
const note = (event: unknown): void => void errors.push((event as { error: unknown }).error);
let tests = 0;

beforeEach(() => {
  tests += 1;
  errors.length = 0;
  subscribe(channelNames.backgroundError, note);
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  unsubscribe(channelNames.backgroundError, note);
});

function open(options: Partial<Options>, enqueueTimeout = 20_000): Jobs<{ add: typeof add }> {
  const engine = pgBoss({ connectionString: server.url, schema: `boss_own_${tests}`, ...options });
  const jobs = createJobs(server.open({ max: 5 }), { engine, queues: { add }, enqueueTimeout });
  closing.push(() => jobs.close({ timeout: 500 }));
  return jobs;
}

it('a worker that is gone is found after lostAfter, in milliseconds, rounded up to a second of pg-boss', async () => {
  const seconds = { 10_000: 10, 10_001: 11, 60_000: 60 };
  for (const [lostAfter, expected] of Object.entries(seconds)) {
    const schema = `boss_lost_${lostAfter}`;
    await open({ schema, lostAfter: Number(lostAfter) }).queues.add.push(1);
    const queues = await server.sql<{ heartbeat_seconds: number }>(`select heartbeat_seconds from ${schema}.queue`);
    expect(queues).toEqual(queues.map(() => ({ heartbeat_seconds: expected })));
    expect(queues).not.toEqual([]);
  }
  expect(() => pgBoss({ connectionString: server.url, lostAfter: 10 })).toThrow(
    'Give a whole number of milliseconds from 10000 to 86400000',
  );
});

describe('the connections of pg-boss', () => {
  it('are at most max, with a worker and many that wait', async () => {
    const jobs = open({ max: 3 });
    jobs.worker().handle(add, async (value) => {
      await jobs.database.current.query('select 1');
      return value + 1;
    });
    expect(await jobs.queues.add.pushAsync(0)).toBe(1);
    let most = 0;
    let working = true;
    const count = async (): Promise<void> => {
      while (working) {
        const [row] = await server.sql<{ count: number }>(
          `select count(*)::int as count from pg_stat_activity
             where datname = current_database() and application_name = 'sluice pg-boss'`,
        );
        most = Math.max(most, row?.count ?? 0);
      }
    };
    const counting = count();
    const values = Array.from({ length: 60 }, (_, value) => value);
    const answers = await Promise.all(values.map((value) => jobs.queues.add.pushAsync(value)));
    working = false;
    await counting;
    expect(answers).toEqual(values.map((value) => value + 1));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('use TLS when they are told to, whatever the connection string says', async () => {
    for (const connectionString of [server.url, `${server.url}?sslmode=disable`]) {
      const error = await rejection(
        open({ connectionString, ssl: { rejectUnauthorized: false } }, 2_000).queues.add.push(1),
      );
      expect(error).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      // The server of the tests has none, and says so.
      expect(causesOf(error)).toContain('The server does not support SSL connections');
    }
  });

  it('options that cannot be are refused', () => {
    for (const options of [{ password: 5 }, { ssl: 'yes' }, { ssl: null }]) {
      expect(() => open(options as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    }
  });
});

describe.skipIf(!hasPgBouncer())('pg-boss behind PgBouncer', { timeout: 60_000 }, () => {
  it('in transaction mode says that it gets no notifications, and answers all the same', async () => {
    const pooler = await startPgBouncer(server.url, { mode: 'transaction', poolSize: 3 });
    closing.push(() => pooler.stop());
    const jobs = open({ connectionString: pooler.url, pollInterval: 100 });
    jobs.worker().handle(add, (value) => value + 1);
    expect(await jobs.queues.add.pushAsync(1)).toBe(2);
    expect(await (await jobs.queues.add.push(2)).result()).toBe(3);
    const unheard = (): unknown[] =>
      errors.filter((error) => (error as { code?: string }).code === 'NOTIFICATIONS_UNHEARD');
    await until('it has said so', () => unheard().length > 0, 40_000);
    expect((unheard()[0] as { remedy: string }).remedy).toContain('session mode');
    expect(await jobs.queues.add.pushAsync(3)).toBe(4);
    expect(unheard()).toHaveLength(1);
  });

  it('asks for the password again for each connection', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-users-'));
    closing.push(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'users.txt');
    const user = new URL(server.url).username;
    await writeFile(file, `"${user}" "of now"\n`);
    await chmod(folder, 0o755);
    const pooler = await startPgBouncer(server.url, {
      mode: 'session',
      poolSize: 10,
      settings: { auth_type: 'plain', auth_file: file },
    });
    closing.push(() => pooler.stop());
    let token = 'of yesterday';
    let asked = 0;
    const password = (): Promise<string> => {
      asked += 1;
      return Promise.resolve(token);
    };
    const url = new URL(pooler.url);
    url.password = 'of the string';
    const jobs = open({ connectionString: url.href, password }, 2_000);
    expect(await rejection(jobs.queues.add.push(1))).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    token = 'of now';
    jobs.worker().handle(add, (value) => value + 1);
    await until('it works', async () => (await jobs.queues.add.pushAsync(1).catch(() => 0)) === 2, 40_000);
    expect(asked).toBeGreaterThan(2);
  });
});

/** The messages of what an error came from. */
function causesOf(error: Error): string[] {
  const messages: string[] = [];
  for (let at: unknown = error.cause; at instanceof Error; at = at.cause) messages.push(at.message);
  return messages;
}

describe.each(['REPEATABLE_READ', 'SERIALIZABLE'] as const)('a transaction at %s', (isolationLevel) => {
  /** Pushes in a transaction that sees the time before there is the queue. */
  const pushLate = async (jobs: Jobs<{ add: typeof add }>, count: number, attempts: number): Promise<unknown> =>
    await jobs.database
      .transaction(
        async () => {
          await jobs.database.current.query('select count(*) from product');
          await Promise.all(Array.from({ length: count }, () => jobs.queues.add.push(7)));
        },
        { isolationLevel, retry: { attempts } },
      )
      .catch((error: unknown) => error);
  const found = async (): Promise<number> =>
    (await server.sql(`select from boss_own_${tests}.job where name like 'add%'`)).length;

  it.each([1, 3])('is repeated where its queue is made after the time that it sees: %i jobs', async (count) => {
    expect(await pushLate(open({}), count, 2)).toBeUndefined();
    expect(await found()).toBe(count);
  });

  it('says so where it is not repeated, and the next one has its job', async () => {
    const jobs = open({});
    expect(await pushLate(jobs, 1, 1)).toMatchObject({
      code: '40001',
      message: expect.stringContaining('was made after the time that this transaction sees') as string,
    });
    expect(await found()).toBe(0);
    expect(await pushLate(jobs, 1, 1)).toBeUndefined();
    expect(await found()).toBe(1);
  });

  it('takes a job that is there already as pushed', async () => {
    const jobs = open({});
    const { id } = await jobs.queues.add.push(7);
    await jobs.database.transaction(() => jobs.queues.add.push(7, { id }), { isolationLevel });
    expect(await found()).toBe(1);
  });
});
