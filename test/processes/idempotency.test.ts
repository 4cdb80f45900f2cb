// Requests that come several times, to servers that are killed and whose COMMITs are cut: each has its effect once.
import { type ChildProcess, spawn } from 'node:child_process';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createIdempotencyTables } from '../../src/ports/idempotency/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { testChoice } from '../support/long-tests.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const orders = Number(process.env['SLUICE_IDEMPOTENT_ORDERS'] ?? (testChoice() === 'short' ? 60 : 200));
/** How many orders are under way at once, and how often each of them is sent. */
const [atOnce, times] = [8, 3];
/** How long one answer may take, and all for an order, in milliseconds. */
const [patience, deadline] = [5_000, 60_000];

const server = useTestDatabase('create table sale (id int not null)');
let proxy: WireProxy;
const shops = new Set<Shop>();

beforeAll(async () => {
  await createIdempotencyTables(server.open().current);
  proxy = await startWireProxy(server.url);
});
afterEach(async () => {
  for (const shop of shops) shop.stop();
  await server.sql('truncate sale, sluice_idempotency');
});
afterAll(() => proxy.close());

/** A process that is started again whenever it was killed. */
class Shop {
  kills = 0;
  #child: ChildProcess | undefined;
  #port: Promise<number>;
  readonly #args: readonly string[];

  constructor(...args: readonly string[]) {
    this.#args = args;
    this.#port = this.#start();
    shops.add(this);
  }

  get port(): Promise<number> {
    return this.#port;
  }

  async kill(): Promise<void> {
    await this.#port;
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    this.kills += 1;
    this.#port = this.#start();
    await this.#port;
  }

  stop(): void {
    shops.delete(this);
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  #start(): Promise<number> {
    const program = fileURLToPath(new URL('programs/idempotent-shop.ts', import.meta.url));
    const child = spawn(process.execPath, [program, ...this.#args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child = child;
    return new Promise((resolve) => child.once('message', (address: AddressInfo) => resolve(address.port)));
  }
}

/** The bytes of an answer with 201; nothing where there was another one, or none. */
async function send(port: number, id: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const headers = { 'idempotency-key': `order-${id}` };
    const sent = request(
      { host: '127.0.0.1', port, path: `/orders/${id}`, method: 'POST', headers, agent: false },
      (got) => {
        const chunks: Buffer[] = [];
        got.on('data', (chunk: Buffer) => chunks.push(chunk));
        got.once('end', () => resolve(got.statusCode === 201 ? Buffer.concat(chunks).toString('latin1') : undefined));
        got.once('error', () => resolve(undefined));
      },
    );
    sent.setTimeout(patience, () => sent.destroy());
    sent.once('error', () => resolve(undefined));
    sent.end();
  });
}

/** What a client has heard of its order, which it sends again until it is answered. */
async function order(id: number, pair: readonly Shop[]): Promise<readonly (string | undefined)[]> {
  const until = performance.now() + deadline;
  const answered = async (copy: number): Promise<string | undefined> => {
    for (let attempt = copy; performance.now() < until; attempt += 1) {
      const port = await pair[attempt % pair.length]?.port;
      const answer = port === undefined ? undefined : await send(port, id);
      if (answer !== undefined) return answer;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return undefined;
  };
  return await Promise.all(Array.from({ length: times }, (_, copy) => answered(copy)));
}

/** Sends all orders while one process after the other is killed, and COMMITs are cut before and after the server has got them. */
async function sell(
  count: number,
  ...args: readonly string[]
): Promise<{ readonly answers: readonly (readonly (string | undefined)[])[]; readonly kills: number }> {
  const pair = [new Shop(proxy.url, ...args), new Shop(proxy.url, ...args)];
  await Promise.all(pair.map((shop) => shop.port));
  const answers: (readonly (string | undefined)[])[] = [];
  let next = 0;
  let isOver = false;
  const line = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      const id = next;
      if (id % 20 === 0) proxy.cutAfter('COMMIT');
      else if (id % 10 === 0) proxy.cutBefore('COMMIT');
      answers[id - 1] = await order(id, pair);
    }
  };
  const killing = (async () => {
    for (let turn = 0; !isOver; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 300));
      if (!isOver) await pair[turn % 2]?.kill();
    }
  })();
  await Promise.all(Array.from({ length: atOnce }, line));
  isOver = true;
  await killing;
  return { answers, kills: pair.reduce((sum, { kills }) => sum + kills, 0) };
}

/** Orders that took effect another number of times than once, or whose answers differ or are missing. */
async function wrong(answers: readonly (readonly (string | undefined)[])[]): Promise<number[]> {
  const sold = await server.sql<{ id: number; times: number }>(
    'select id, count(*)::int as times from sale group by id',
  );
  const once = new Set(sold.filter((row) => row.times === 1).map(({ id }) => id));
  return answers.flatMap((given, at) =>
    once.has(at + 1) && given[0] !== undefined && new Set(given).size === 1 ? [] : [at + 1],
  );
}

it(
  `${orders} requests, ${times} times each, under kill -9 and cut COMMITs: an effect each, and the same bytes`,
  { timeout: 600_000 },
  async () => {
    const { answers, kills } = await sell(orders);
    expect(answers).toHaveLength(orders);
    expect(await wrong(answers)).toEqual([]);
    expect(kills).toBeGreaterThan(0);
  },
);

it('a key that is claimed outside of the transaction of the effects is found out', { timeout: 120_000 }, async () => {
  const { answers } = await sell(40, 'apart');
  expect(await wrong(answers)).not.toEqual([]);
});
