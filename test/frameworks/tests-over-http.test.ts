import type { FastifyInstance } from 'fastify';
import type { Hono } from 'hono';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, it as plainIt } from 'vitest';
import { createDatabase, type Database } from '../../src/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { captureCommitHooks, rollbackEach, rolledBack, testHeaders } from '../../src/testing/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { ask } from '../support/http-client.ts';
import { rejection, signal } from '../support/settled.ts';
import { kits, type Running } from './kits.ts';

const server = useTestDatabase();
const database: Database<'default'> = createDatabase({
  clients: { default: postgres({ connectionString: server.url, max: 10 }) },
});
afterAll(() => database.close());
const it = rollbackEach(database, plainIt);
const ids = async (): Promise<number[]> =>
  (await database.query<{ id: number }>('select id from product order by id')).rows.map(({ id }) => id);

describe.each(kits.map((kit) => [kit.name, kit] as const))('tests over HTTP with %s', (_, kit) => {
  let running: Running;
  beforeAll(async () => {
    running = await kit.start({
      database,
      async work(id) {
        await insert(database, id);
        database.current.afterCommit(() => {});
        return id === 9 ? 409 : 201;
      },
    });
  });
  afterAll(() => running.close());
  const url = (path: string): string => `http://127.0.0.1:${running.port}${path}`;

  for (const round of [1, 2]) {
    it(`roll back what handlers wrote, round ${round}`, async () => {
      await insert(database, 1);
      const headers = testHeaders();
      expect((await fetch(url('/orders/2'), { method: 'POST', headers })).status).toBe(201);
      expect((await fetch(url('/orders/3'), { method: 'POST', headers })).status).toBe(201);
      expect((await fetch(url('/plain'), { method: 'POST', headers })).status).toBe(500);
      expect((await fetch(url('/orders/9'), { method: 'POST', headers })).status).toBe(409);
      expect(await ids()).toEqual([1, 2, 3]);
      expect(await server.products()).toEqual([]);
    });
  }

  it('work with supertest', async () => {
    const agent = supertest(running.server);
    await agent.post('/orders/4').set(testHeaders()).expect(201, { id: 4 });
    expect(await ids()).toEqual([4]);
    expect(await server.products()).toEqual([]);
  });

  it('take many requests at once', async () => {
    const headers = testHeaders();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (__, id) => fetch(url(`/orders/${100 + id}`), { method: 'POST', headers })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect((await ids()).length).toBe(20);
  });

  it('capture commit hooks of handlers', async () => {
    const { count } = await captureCommitHooks(
      async () => await fetch(url('/orders/2'), { method: 'POST', headers: testHeaders() }),
    );
    expect(count).toBe(1);
  });

  plainIt('do not see each other', async () => {
    const all = signal();
    let arrived = 0;
    await Promise.all(
      [1, 2, 3, 4].map((id) =>
        rolledBack(database, async () => {
          await fetch(url(`/orders/${id}`), { method: 'POST', headers: testHeaders() });
          arrived += 1;
          if (arrived === 4) all.fire();
          await all.promise;
          expect(await ids()).toEqual([id]);
        }),
      ),
    );
    expect(await server.products()).toEqual([]);
  });

  plainIt('are over with the test', async () => {
    const headers = await rolledBack(database, () => testHeaders());
    expect((await fetch(url('/orders/1'), { method: 'POST', headers })).status).toBe(400);
    expect(await server.products()).toEqual([]);
  });

  plainIt('have no part in requests without the header', async () => {
    await rolledBack(database, async () => {
      expect((await fetch(url('/orders/5'), { method: 'POST' })).status).toBe(201);
    });
    expect(await server.products()).toEqual([5]);
  });
});

async function started(name: string): Promise<Running> {
  const kit = kits.find((each) => each.name === name);
  if (kit === undefined) throw new Error(`there is no kit ${name}`);
  return await kit.start({ database });
}

it('work with app.inject of Fastify', async () => {
  const running = await started('fastify');
  const app = running.app as FastifyInstance;
  const answer = await app.inject({ method: 'POST', url: '/returned', headers: testHeaders() });
  expect(answer.statusCode).toBe(200);
  expect(await ids()).toEqual([1]);
  expect(await server.products()).toEqual([]);
  await running.close();
});

it('work with app.request of Hono', async () => {
  const running = await started('hono');
  const answer = await (running.app as Hono).request('/returned', { method: 'POST', headers: testHeaders() });
  expect(answer.status).toBe(200);
  expect(await ids()).toEqual([1]);
  expect(await server.products()).toEqual([]);
  await running.close();
});

describe('testHeaders', () => {
  plainIt('is refused outside of a test', () => {
    expect(() => testHeaders()).toThrow('testHeaders was called outside of rollbackEach and rolledBack');
  });

  it('is refused in a transaction, whose end the request would wait for', async () => {
    const refused = database.transaction(() => testHeaders());
    expect(await rejection(refused)).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('means nothing to a process without tests', async () => {
    const program = fileURLToPath(new URL('../processes/programs/http-server.ts', import.meta.url));
    const child = fork(program, { env: { ...process.env, DATABASE_URL: server.url }, stdio: 'inherit' });
    try {
      const { port } = await new Promise<{ port: number }>((resolve, reject) =>
        child.once('message', (address) => resolve(address as { port: number })).once('error', reject),
      );
      const answer = await ask(port, 'POST', '/', testHeaders());
      expect(answer.status).toBe(400);
      expect(answer.text).toContain('came to a process without tests');
      expect(await server.products()).toEqual([]);
    } finally {
      child.kill();
    }
  });
});
