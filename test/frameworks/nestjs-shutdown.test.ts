import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase('create table paid (id int primary key)');
const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

async function startShop(): Promise<{
  readonly child: ChildProcess;
  readonly port: number;
  readonly errors: string[];
}> {
  const program = fileURLToPath(new URL('../processes/programs/nest-shop.ts', import.meta.url));
  const child = fork(program, [server.url], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] });
  children.push(child);
  const errors: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(errors.join('')))),
  ])) as [{ port: number }];
  return { child, port: message.port, errors };
}

const order = (agent: Agent, port: number, id: number): Promise<{ status: number; isLast: boolean }> =>
  new Promise((resolve, reject) => {
    request({ agent, port, host: '127.0.0.1', method: 'POST', path: `/orders/${id}` }, (response) => {
      response.resume();
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, isLast: response.headers.connection === 'close' }),
      );
    })
      .once('error', reject)
      .end();
  });

it('SIGTERM under load fails no request and loses no job', { timeout: 60_000 }, async () => {
  const { child, port, errors } = await startShop();
  const agent = new Agent({ keepAlive: true });
  const statuses: number[] = [];
  let next = 0;
  // As a client that leaves when it is told to.
  const client = async (): Promise<void> => {
    for (let isLast = false; !isLast;) {
      const answer = await order(agent, port, (next += 1));
      statuses.push(answer.status);
      ({ isLast } = answer);
    }
  };
  const clients = Promise.all(Array.from({ length: 16 }, client));
  await until('there is load', () => statuses.length >= 200);
  child.kill('SIGTERM');
  await clients;
  agent.destroy();
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect([code, signal]).toEqual([null, 'SIGTERM']);
  expect(errors.join('')).toBe('');
  expect(new Set(statuses)).toEqual(new Set([201]));
  expect(await server.products()).toHaveLength(next);

  // What was left in the queue is there for the next process.
  const second = await startShop();
  const count = async (): Promise<number> => (await server.sql('select id from paid')).length;
  await until('each order is paid', async () => (await count()) === next, 40_000);
  second.child.kill('SIGTERM');
  await once(second.child, 'exit');
});
