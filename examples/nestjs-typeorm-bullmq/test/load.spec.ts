import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { Client } from 'pg';
import { freshDatabase, until } from './support';

const children: ChildProcess[] = [];
const jobs = `shop-test-${randomUUID()}`;
let url = '';
let drop: () => Promise<void>;
let client: Client;

beforeAll(async () => {
  ({ url, drop } = await freshDatabase());
  client = new Client({ connectionString: url });
  await client.connect();
  await client.query("insert into product (id, stock, price) values ('pen', 1000000, 3)");
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await client.end();
  await drop();
});

async function start(program: 'main' | 'worker'): Promise<{ child: ChildProcess; said: string; errors: string[] }> {
  const env = { ...process.env, DATABASE_URL: url, JOBS_PREFIX: jobs, POOL_SIZE: '1', DRAIN_DELAY: '3000', PORT: '0' };
  const child = fork(join(__dirname, `../dist/${program}.js`), [], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  children.push(child);
  const errors: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until(`${program} has started`, () => {
    if (child.exitCode !== null) throw new Error(errors.join(''));
    return said.includes('\n');
  });
  return { child, said: said.trim(), errors };
}

async function stop({ child, errors }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  expect(errors.join('')).toBe('');
}

function place(base: string, agent: Agent): Promise<{ status: number; isLast: boolean }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const sent = request(`${base}/orders`, { agent, method: 'POST', headers }, (response) => {
      response.resume();
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, isLast: response.headers.connection === 'close' }),
      );
    });
    sent.once('error', reject);
    sent.end(JSON.stringify({ productId: 'pen' }));
  });
}

const count = async (sql: string): Promise<number> => Number((await client.query(sql)).rows[0].count);

it('200 checkouts at once on one connection, and SIGTERM under load: no request fails, no job is lost', async () => {
  const [web, worker] = [await start('main'), await start('worker')];
  const agent = new Agent({ keepAlive: true });
  const many = await Promise.all(Array.from({ length: 200 }, () => place(web.said, agent)));
  expect(new Set(many.map(({ status }) => status))).toEqual(new Set([201]));

  // Clients that leave when they are told to.
  const statuses: number[] = [];
  const clients = Array.from({ length: 8 }, async () => {
    for (let isLast = false; !isLast;) {
      const answer = await place(web.said, agent);
      statuses.push(answer.status);
      ({ isLast } = answer);
    }
  });
  await until('there is load', () => statuses.length >= 100);
  await stop(web);
  await Promise.all(clients);
  agent.destroy();
  expect(new Set(statuses)).toEqual(new Set([201]));
  const orders = 200 + statuses.length;
  expect(await count('select count(*) from shop_order')).toBe(orders);
  expect(await count('select 1000000 - stock as count from product')).toBe(orders);

  // The worker ends in the midst of its jobs, and another one goes on.
  await stop(worker);
  const next = await start('worker');
  await until('each order is paid', async () => (await count('select count(*) from shop_order where paid')) === orders);
  expect(await count('select count(*) from payment')).toBe(orders);
  await stop(next);
});
