import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Client } from 'pg';
import { afterAll, expect, it } from 'vitest';
import { type Answer, ask, openFreshShop } from './support.ts';

// The processes that a deployment has, each with one connection.
const { shop, connectionString, close } = await openFreshShop();
await shop.prisma.product.create({ data: { id: 'pen', stock: 1_000, price: 3 } });
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await close();
});

/** @returns the process, and the first line that it has printed */
async function start(program: 'main' | 'worker', max = 1): Promise<{ child: ChildProcess; line: string }> {
  const env = { ...process.env, DATABASE_URL: connectionString, POOL_SIZE: String(max), PORT: '0' };
  const stdio = ['ignore', 'pipe', 'inherit', 'ipc'] as const;
  const child = fork(new URL(`../src/${program}.ts`, import.meta.url), { env, execArgv: [], stdio: [...stdio] });
  children.push(child);
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`${program} has ended with ${String(code)}`);
  });
  const [printed] = await Promise.race([once(child.stdout ?? child, 'data'), gone]);
  gone.catch(() => {});
  return { child, line: String(printed).trim() };
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
}

const [web, worker] = [await start('main'), await start('worker')];
const place = async (key: string, quantity = 1, base = web.line): Promise<Answer> =>
  await ask(`${base}/orders`, { 'idempotency-key': key }, { productId: 'pen', quantity });
const stateOf = async (id: number): Promise<string> => (await ask(`${web.line}/orders/${id}`)).body.status;
const stock = async (): Promise<number> =>
  (await shop.prisma.product.findUniqueOrThrow({ where: { id: 'pen' } })).stock;

it('the worker takes the money, and a cancellation waits until it has given it back', { timeout: 60_000 }, async () => {
  const before = await stock();
  const orders = await Promise.all(Array.from({ length: 10 }, (_, each) => place(`cancelled ${each}`, 2)));
  expect(new Set(orders.map(({ status }) => status))).toEqual(new Set([201]));
  for (const { body } of orders) await expect.poll(() => stateOf(body.id), { timeout: 30_000 }).toBe('paid');
  // Each holds the only connection of its process while it waits for the job of the other one.
  const answers = await Promise.all(
    orders.map(({ body }) => ask(`${web.line}/orders/${body.id}/cancellation`, {}, {})),
  );
  expect(answers).toEqual(orders.map(() => ({ status: 200, body: { refunded: 6 } })));
  expect(await shop.prisma.payment.count({ where: { refunded: true } })).toBe(10);
  expect(await stock()).toBe(before);
});

it('one key at once from many is one order, which is paid once', { timeout: 60_000 }, async () => {
  const before = await stock();
  const answers = await Promise.all(Array.from({ length: 20 }, () => place('the same')));
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(1);
  expect(statuses.filter((status) => status === 200)).toHaveLength(19);
  const ids = new Set(answers.map(({ body }) => body.id));
  expect(ids.size).toBe(1);
  expect(await stock()).toBe(before - 1);
  for (const id of ids) await expect.poll(() => stateOf(id), { timeout: 30_000 }).toBe('paid');
});

it('SIGTERM loses neither a request nor a job', { timeout: 60_000 }, async () => {
  const other = await start('main', 4);
  const outside = new Client({ connectionString });
  await outside.connect();
  await outside.query('begin');
  await outside.query("select from product where id = 'pen' for update");
  const begun = Array.from({ length: 4 }, (_, each) => place(`begun ${each}`, 1, other.line));
  const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  await expect.poll(async () => (await shop.database.query(waiting)).rowCount, { timeout: 30_000 }).toBe(4);
  const stopped = stop(other.child);
  const isOpen = async (): Promise<boolean> => (await fetch(`${other.line}/live`).catch(() => undefined)) !== undefined;
  await expect.poll(isOpen, { timeout: 30_000 }).toBe(false);
  await outside.query('commit');
  await outside.end();
  expect((await Promise.all(begun)).map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  await stopped;

  // The worker ends in the midst of its jobs, and another one goes on.
  await Promise.all(Array.from({ length: 30 }, (_, each) => place(`last ${each}`)));
  await stop(worker.child);
  await start('worker');
  const unpaid = async (): Promise<number> => await shop.prisma.order.count({ where: { status: 'placed' } });
  await expect.poll(unpaid, { timeout: 30_000 }).toBe(0);
  expect(await shop.prisma.payment.count()).toBe(await shop.prisma.order.count());
});
