import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { redisKeys, redisUrl, whenReached } from '../support/servers.ts';
import { signal, until } from '../support/settled.ts';
import { book, charge, openShop, type Settings } from './programs/shop-jobs.ts';

/** Kills of workers at each point, and of pushers, of which CI asks for more. */
const workerKills = 50;
const pusherKills = Number(process.env['SLUICE_PUSHER_KILLS'] ?? 60);
const atOnce = 4;
/** How long a process may take to start and to get the job that it dies of, in milliseconds. */
const mostLife = 60_000;

const server = useTestDatabase(
  'create table payment (order_id int not null)',
  'create table placed (order_id int not null)',
  'create table booked (order_id int not null)',
);
const children = new Set<ChildProcess>();
const closing: (() => Promise<void>)[] = [];
let tests = 0;

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const close of closing.splice(0).reverse()) await close();
  await server.sql('truncate payment, placed, booked');
});

function settings(engine: Settings['engine']): Settings {
  tests += 1;
  const scope = `${process.pid}_${tests}`;
  return { engine, url: server.url, redisUrl, redisPrefix: redisKeys(scope), scope };
}

/** Two processes' worth of shop in this one. */
async function open(given: Settings): ReturnType<typeof openShop> {
  const shop = await openShop(given);
  closing.push(async () => {
    await shop.jobs.close({ timeout: 2_000 });
    await shop.database.close({ timeout: 1_000 });
  });
  await createOutboxTables(shop.database.current);
  return shop;
}

function start(program: string, given: Settings, ...rest: string[]): ChildProcess {
  const path = fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url));
  const child = spawn(process.execPath, [path, JSON.stringify(given), ...rest], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

/** Whether it was killed, and did not end in another way. */
function killed(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const tooLong = setTimeout(() => reject(new Error(`process ${child.pid} lives on`)), mostLife);
    child.on('exit', (_code, signal) => {
      clearTimeout(tooLong);
      resolve(signal === 'SIGKILL');
    });
  });
}

function saysOften(child: ChildProcess, line: string, times: number): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.split(`${line}\n`).length > times) resolve();
    });
    child.on('exit', () => reject(new Error(`a program ended before it had said "${line}" ${times} times`)));
  });
}

/** Runs `work` for each of `count`, a few at a time. */
async function repeat(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, line));
}

describe.each<Settings['engine']>(['pg-boss', 'bullmq'])('kill -9 with %s', (engine) => {
  const needed = engine === 'bullmq' ? 'Redis' : undefined;

  it.each(['before commit', 'after commit'])(
    `of ${workerKills} workers, each %s: every effect once, every waiter answered`,
    { timeout: 180_000 },
    async (dieAt) => {
      if (!(await whenReached(needed))) return;
      const given = settings(engine);
      const { jobs } = await open(given);
      const orders = Array.from({ length: workerKills }, (_, index) => index + 1);
      const answers = Promise.all(orders.map((orderId) => jobs.queues.charge.pushAsync({ orderId })));
      // A waiter must not be left without its answer, so none may reject either.
      answers.catch(() => {});
      let kills = 0;
      await repeat(workerKills, async () => {
        if (await killed(start('dying-worker', given, dieAt))) kills += 1;
      });
      expect(kills).toBe(workerKills);
      const survivor = await open(given);
      survivor.jobs.worker().handle(
        charge,
        async ({ orderId }) => {
          await survivor.database.current.query('insert into payment (order_id) values ($1)', [orderId]);
          return `paid ${orderId}`;
        },
        { concurrency: 10 },
      );
      expect(await answers).toEqual(orders.map((orderId) => `paid ${orderId}`));
      const payments = await server.sql<{ order_id: number }>('select order_id from payment order by order_id');
      expect(payments.map(({ order_id }) => order_id)).toEqual(orders);
    },
  );

  it(`of ${pusherKills} pushers at random moments: pushed = committed, once each`, { timeout: 600_000 }, async () => {
    if (!(await whenReached(needed))) return;
    const given = settings(engine);
    const { database, jobs } = await open(given);
    let kills = 0;
    await repeat(pusherKills, async (index) => {
      const child = start('dying-pusher', given, String(index * 100_000));
      // After a few orders and a moment: in the middle of the next ones, on a machine of any speed.
      await saysOften(child, 'placed', 2 + Math.floor(Math.random() * 6));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
      const gone = killed(child);
      child.kill('SIGKILL');
      if (await gone) kills += 1;
    });
    expect(kills).toBe(pusherKills);
    jobs.worker().handle(book, async ({ orderId }) => {
      await database.current.query('insert into booked (order_id) values ($1)', [orderId]);
    });
    const count = async (table: string): Promise<number> =>
      (await server.sql<{ count: number }>(`select count(*)::int as count from ${table} where order_id > 0`))[0]
        ?.count ?? 0;
    const placed = await count('placed');
    expect(placed).toBeGreaterThan(pusherKills);
    await until('all are booked', async () => (await count('booked')) >= placed, 120_000);
    // What would come in addition gets the time to come: a job that is pushed now is the last of all.
    await (await jobs.queues.book.push({ orderId: -2 })).result();
    const differences = await server.sql(
      `(select order_id from placed where order_id > 0 except all select order_id from booked)
       union all (select order_id from booked where order_id > 0 except all select order_id from placed)`,
    );
    expect(differences).toEqual([]);
    expect(await server.sql('select 1 from placed where order_id % 3 = 0')).toEqual([]);
  });

  it('of a pusher that awaits a job: its transaction is rolled back, and nothing is left of it', async () => {
    if (!(await whenReached(needed))) return;
    const given = settings(engine);
    const { database, jobs } = await open(given);
    const [begun, mayEnd, ended] = [signal(), signal(), signal()];
    jobs.worker().handle(charge, async ({ orderId }) => {
      await database.current.query('insert into payment (order_id) values ($1)', [orderId]);
      begun.fire();
      await mayEnd.promise;
      database.current.commit(ended.fire);
      return `paid ${orderId}`;
    });
    const child = start('waiting-pusher', given);
    await begun.promise;
    const gone = killed(child);
    child.kill('SIGKILL');
    await gone;
    // The job was enqueued at once, and runs to its end; what waited for it is gone without a trace.
    mayEnd.fire();
    await ended.promise;
    await until('its connections are gone', async () => {
      return (
        (
          await server.sql(
            `select 1 from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()`,
          )
        ).length === 0
      );
    });
    expect(await server.sql('select 1 from placed')).toEqual([]);
  });
});
