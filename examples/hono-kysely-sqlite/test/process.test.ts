import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, it } from 'vitest';
import { openFreshShop, sent, startMailService } from './support.ts';

const { shop, file, close } = await openFreshShop();
await shop.kysely.insertInto('product').values({ id: 'pen', price: 3, stock: 1_000 }).execute();
const mail = await startMailService();
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  mail.close();
  await close();
});

/** @returns the process, and where it listens */
async function start(): Promise<{ child: ChildProcess; url: string }> {
  const env = { ...process.env, SHOP_FILE: file, MAIL_URL: mail.url, PORT: '0' };
  const stdio = ['ignore', 'pipe', 'inherit', 'ipc'] as const;
  const child = fork(new URL('../src/main.ts', import.meta.url), { env, execArgv: [], stdio: [...stdio] });
  children.push(child);
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the shop has ended with ${String(code)}`);
  });
  const [printed] = await Promise.race([once(child.stdout ?? child, 'data'), gone]);
  gone.catch(() => {});
  return { child, url: String(printed).trim() };
}

const attempts = async (): Promise<number> =>
  (await shop.database.query<{ attempts: number }>('select attempts from sluice_outbox')).rows[0]?.attempts ?? 0;

it('a receipt survives the process that took the order', { timeout: 120_000 }, async () => {
  mail.status = 503;
  const first = await start();
  expect((await fetch(`${first.url}/orders`, sent(2))).status).toBe(201);
  await expect.poll(attempts, { timeout: 30_000 }).toBeGreaterThan(0);
  const exited = once(first.child, 'exit');
  first.child.kill('SIGKILL');
  await exited;
  mail.status = 200;
  await start();
  // One that was on its way when the process was killed is due again after a minute.
  await expect.poll(() => [...mail.received.values()], { timeout: 90_000 }).toMatchObject([{ amount: 6 }]);
});

it('SIGTERM loses no order that has begun', { timeout: 60_000 }, async () => {
  const { child, url } = await start();
  // Orders wait for the writer of another program, until the shop was told to end.
  const other = new DatabaseSync(file);
  other.exec('begin immediate');
  const begun = Array.from({ length: 4 }, () => fetch(`${url}/orders`, sent(1)));
  const isWaiting = async (): Promise<boolean> => (await fetch(`${url}/ready`)).status === 503;
  await expect.poll(isWaiting, { timeout: 30_000 }).toBe(true);
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const isOpen = async (): Promise<boolean> => (await fetch(`${url}/live`).catch(() => undefined)) !== undefined;
  await expect.poll(isOpen, { timeout: 30_000 }).toBe(false);
  other.exec('rollback');
  other.close();
  expect((await Promise.all(begun)).map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  expect(await exited).toEqual([0, null]);
});
