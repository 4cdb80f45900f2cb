// Ways to answer, and to answer wrongly, in a route with a transaction.
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as expressEntry from '../../src/frameworks/express/index.ts';
import * as fastifyEntry from '../../src/frameworks/fastify/index.ts';
import * as honoEntry from '../../src/frameworks/hono/index.ts';
import { channelNames, createContextCarrier, currentContext, type Database, withContext } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { ask, listening, sendRaw } from '../support/http-client.ts';
import { until } from '../support/settled.ts';
import { kits, type Running } from './kits.ts';

const server = useTestDatabase('create table sale (id int primary key deferrable initially deferred)');
const folder = mkdtempSync(join(tmpdir(), 'sluice-answers-'));
const file = join(folder, 'invoice.txt');
writeFileSync(file, 'x'.repeat(100_000));
afterAll(() => rmSync(folder, { recursive: true }));

const closers: (() => Promise<unknown>)[] = [];
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 1 });
});
const told: unknown[] = [];
const onTold = (event: unknown): void => void told.push(event);
beforeEach(() => subscribe(channelNames.backgroundError, onTold));
afterEach(async () => {
  unsubscribe(channelNames.backgroundError, onTold);
  told.length = 0;
  await Promise.all(closers.splice(0).map((close) => close()));
});

const isFree = async (): Promise<void> => {
  await until('its connection is back', () => database.stats().clients.default.used === 0);
};

const fastifyApp = async () => {
  const app = fastify();
  await app.register(fastifyEntry.sluice(database));
  closers.push(() => app.close());
  return app;
};
const config = { transaction: true };

async function onExpress(define: (app: express.Express) => unknown, errors: unknown[] = []): Promise<number> {
  const app = express().use(expressEntry.sluice(database));
  define(app);
  app.use(expressEntry.problemHandler({ onError: (error) => errors.push(error) }));
  const made: Server = createServer(app);
  closers.push(
    () =>
      new Promise((resolve) => {
        made.close(resolve);
        made.closeAllConnections();
      }),
  );
  return await listening(made);
}
const { transactional } = expressEntry;

const fails = (): Promise<unknown> => database.query('insert into sale (id) values (1), (1)');

describe.each(kits.map((kit) => [kit.name, kit] as const))('%s', (_, kit) => {
  const start = async (work: (id: number) => Promise<number>): Promise<Running> => {
    const made = await kit.start({ database, work });
    closers.push(() => made.close());
    return made;
  };
  const sell = async (id: number): Promise<number> => {
    await insert(database, id);
    return id;
  };

  it.each([204, 302, 304])('commits for an answer of %s, which has its headers', async (status) => {
    const { port } = await start(sell);
    const answer = await ask(port, 'POST', `/orders/${status}`);
    expect(answer).toMatchObject({ status, headers: { 'x-handler': 'yes' } });
    expect(await server.products()).toEqual([status]);
  });

  it('commits for HEAD, which has no body, and answers OPTIONS without the handler', async () => {
    const { port } = await start(sell);
    expect(await ask(port, 'HEAD', '/orders/200')).toMatchObject({
      status: 200,
      text: '',
      headers: { 'x-handler': 'yes' },
    });
    expect(await server.products()).toEqual([200]);
    await ask(port, 'OPTIONS', '/orders/201');
    expect(await server.products()).toEqual([200]);
  });

  it('answers requests that come together on one connection in their order, each after its commit', async () => {
    const { port } = await start(async (id) => {
      await insert(database, id);
      return id === 202 ? 409 : 201;
    });
    const requests = [201, 202, 203].map((id) => `POST /orders/${id} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n`);
    const { closed } = await sendRaw(port, `${requests.join('\r\n')}connection: close\r\n\r\n`);
    const answers = (await closed).matchAll(/HTTP\/1\.1 (\d+)|"id":(\d+)/g);
    expect([...answers].map(([, status, id]) => status ?? id)).toEqual(['201', '201', '409', '202', '201', '203']);
    expect(await server.products()).toEqual([201, 203]);
  });

  it('rolls back for an upload that breaks off, and leaves nothing open', async () => {
    const { port } = await start(sell);
    const { socket, closed } = await sendRaw(
      port,
      'POST /upload HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-upload\r\ncontent-length: 1000\r\n\r\nabc',
    );
    await until('the transaction is open', () => database.stats().clients.default.used === 1);
    socket.end();
    await closed;
    await isFree();
    expect(await server.products()).toEqual([]);
  });

  it('keeps nothing of the context of a request', async () => {
    const { port } = await start(sell);
    await Promise.all([204, 205, 206].map((id) => ask(port, 'POST', `/orders/${id}`)));
    expect(currentContext()).toMatchObject({ level: 0 });
    expect(database.current.inTransaction).toBe(false);
  });
});

describe('fastify', () => {
  it('gives its first answer to a handler that answers twice, as without a transaction', async () => {
    const app = await fastifyApp();
    app.post('/', { config }, async (_request, reply) => {
      await insert(database, 1);
      void reply.send({ answer: 1 });
      if (!reply.sent) void reply.send({ answer: 2 });
      return { answer: 3 };
    });
    expect((await app.inject({ method: 'POST', url: '/' })).json()).toEqual({ answer: 1 });
    expect(await server.products()).toEqual([1]);
  });

  it('answers for a COMMIT that fails, although reply.send() was called before', async () => {
    const app = await fastifyApp();
    app.post('/', { config }, async (_request, reply) => {
      void reply.code(201).send({ sold: true });
      await fails();
    });
    const answer = await app.inject({ method: 'POST', url: '/' });
    expect([answer.statusCode, answer.json()]).toMatchObject([500, { code: 'INTERNAL_ERROR' }]);
  });

  it('sends a file inside the transaction, redirects, and rolls back for a route that is not found', async () => {
    const app = await fastifyApp();
    app.post('/file', { config }, async (_request, reply) => {
      await insert(database, 1);
      return reply.type('text/plain').send(Readable.from(['a', 'b']));
    });
    app.post('/moved', { config }, async (_request, reply) => {
      await insert(database, 2);
      return reply.redirect('/there', 303);
    });
    app.post('/none', { config }, async (_request, reply) => {
      await insert(database, 3);
      reply.callNotFound();
    });
    expect((await app.inject({ method: 'POST', url: '/file' })).body).toBe('ab');
    expect((await app.inject({ method: 'POST', url: '/moved' })).headers.location).toBe('/there');
    expect((await app.inject({ method: 'POST', url: '/none' })).statusCode).toBe(404);
    expect(await server.products()).toEqual([1, 2]);
  });

  it('rolls back for a stream that breaks, and answers with an error', async () => {
    const app = await fastifyApp();
    app.post('/', { config }, async (_request, reply) => {
      await insert(database, 1);
      async function* broken(): AsyncGenerator<string> {
        yield 'a';
        throw new Error('the file is gone');
      }
      return reply.type('text/plain').send(Readable.from(broken()));
    });
    expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(500);
    await isFree();
    expect(await server.products()).toEqual([]);
  });
});

describe('express', () => {
  it('lets a handler see that it has answered', async () => {
    const port = await onExpress((app) =>
      app.post(
        '/',
        transactional(async (_request, response) => {
          await insert(database, 1);
          expect([response.headersSent, response.writableEnded]).toEqual([false, false]);
          response.json({ answer: 1 });
          expect([response.headersSent, response.writableEnded]).toEqual([true, true]);
          if (!response.headersSent) response.json({ answer: 2 });
        }),
      ),
    );
    expect((await ask(port, 'POST', '/')).json).toEqual({ answer: 1 });
    expect(await server.products()).toEqual([1]);
  });

  it('rolls back for a handler that answers twice', async () => {
    const errors: unknown[] = [];
    const port = await onExpress(
      (app) =>
        app.post(
          '/',
          transactional(async (_request, response) => {
            await insert(database, 1);
            response.json({ answer: 1 });
            response.json({ answer: 2 });
          }),
        ),
      errors,
    );
    expect((await ask(port, 'POST', '/')).status).toBe(500);
    expect(errors).toMatchObject([{ code: 'ERR_HTTP_HEADERS_SENT' }]);
    expect(await server.products()).toEqual([]);
  });

  it.each([
    ['at once', (pass: () => void) => pass()],
    ['after a statement', (pass: () => void) => void insert(database, 2).then(pass)],
  ])('rolls back for an error that goes to next() after the answer, %s', async (_, later) => {
    const errors: unknown[] = [];
    const wrong = new Error('no stock');
    const port = await onExpress(
      (app) =>
        app.post(
          '/',
          transactional(async (_request, response, next) => {
            await insert(database, 1);
            await new Promise<void>((resolve) =>
              later(() => {
                response.json({ sold: true });
                next(wrong);
                resolve();
              }),
            );
          }),
        ),
      errors,
    );
    expect((await ask(port, 'POST', '/')).status).toBe(500);
    expect(errors).toEqual([wrong]);
    expect(await server.products()).toEqual([]);
  });

  it('rolls back for an error that a handler without async gives to next() after its answer', async () => {
    const errors: unknown[] = [];
    const wrong = new Error('no stock');
    const port = await onExpress(
      (app) =>
        app.post(
          '/',
          transactional((_request, response, next) => {
            response.json({ sold: true });
            next(wrong);
          }),
        ),
      errors,
    );
    expect((await ask(port, 'POST', '/')).status).toBe(500);
    expect(errors).toEqual([wrong]);
  });

  it.each<[string, express.RequestHandler]>([
    [
      'next()',
      (_request, response, next) => {
        response.once('close', () => next(new Error('too late')));
        response.json({ sold: true });
      },
    ],
    [
      'its promise',
      async (_request, response) => {
        const out = new Promise((resolve) => response.once('finish', resolve));
        response.json({ sold: true });
        await out;
        throw new Error('too late');
      },
    ],
  ])('tells in the background of an error that comes by %s when the answer has gone out', async (_, handler) => {
    const port = await onExpress((app) => app.post('/', transactional(handler)));
    expect((await ask(port, 'POST', '/')).json).toEqual({ sold: true });
    await until('it is told', () => told.length > 0);
    expect(told).toMatchObject([{ source: 'request', error: { message: 'too late' } }]);
  });

  it('sends a file, which it holds, and answers for a COMMIT that fails instead of it', async () => {
    const port = await onExpress((app) => {
      const define = (path: string, statement: () => Promise<unknown>): unknown =>
        app.post(
          path,
          transactional(async (_request, response) => {
            await statement();
            response.sendFile(file);
          }),
        );
      define('/good', () => insert(database, 1));
      define('/bad', fails);
    });
    expect((await ask(port, 'POST', '/good')).text.length).toBe(100_000);
    const bad = await ask(port, 'POST', '/bad');
    expect(bad).toMatchObject({ status: 500, json: { code: 'INTERNAL_ERROR' } });
    expect(bad.headers['last-modified']).toBeUndefined();
    expect(await server.products()).toEqual([1]);
    await isFree();
  });

  it('rolls back for a request that Node.js has cut off, since it did not come in time', async () => {
    const app = express().use(expressEntry.sluice(database));
    app.post(
      '/',
      transactional(async (request) => {
        await insert(database, 1);
        for await (const _ of request);
      }),
    );
    app.use(expressEntry.problemHandler());
    const made = createServer({ requestTimeout: 200, headersTimeout: 200, connectionsCheckingInterval: 20 }, app);
    closers.push(() => new Promise((resolve) => made.close(resolve)));
    const { closed } = await sendRaw(
      await listening(made),
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc',
    );
    expect(await closed).toContain('408 Request Timeout');
    await isFree();
    expect(await server.products()).toEqual([]);
  });

  it('reads the context of a request once, where routers in each other have the middleware', async () => {
    const secret = 'a secret of the system';
    const enter = expressEntry.sluice(database, { secret, timeout: 60_000 });
    const router = express.Router().use(enter, expressEntry.sluice(database, { secret, timeout: 5_000 }));
    router.get('/context', (_request, response) => void response.json(currentContext()));
    const port = await onExpress((app) => app.use(enter).use('/shop', router));
    const headers = withContext({ tenant: 'acme' }, () =>
      createContextCarrier(database, { secret }).injectContext<Record<string, string>>({}),
    );
    const { status, json } = await ask(port, 'GET', '/shop/context', headers);
    expect([status, json['tenant']]).toEqual([200, 'acme']);
    expect(json['remaining']).toBeLessThanOrEqual(5_000);
    expect((await ask(port, 'GET', '/shop/context', headers)).status).toBe(401);
  });

  it('checks a context again where a router has another secret', async () => {
    const secret = 'a secret of the system';
    const router = express.Router();
    router.use(expressEntry.sluice(database, { secret }));
    router.get('/context', (_request, response) => void response.json(currentContext()));
    const port = await onExpress((app) => app.use('/shop', router));
    const headers = withContext({ tenant: 'acme' }, () =>
      createContextCarrier(database, { secret }).injectContext<Record<string, string>>({}),
    );
    const forged = { ...headers, 'sluice-signature': 'a'.repeat(64) };
    expect((await ask(port, 'GET', '/shop/context', forged)).status).toBe(401);
    expect((await ask(port, 'GET', '/shop/context', headers)).json['tenant']).toBe('acme');
  });
});

describe('hono', () => {
  it('rolls back for an error that a part of the application has answered', async () => {
    const part = new Hono().post('/sales', honoEntry.transaction(), async () => {
      await insert(database, 1);
      throw new Error('no stock');
    });
    part.onError((_error, c) => c.text('never mind', 200));
    const app = new Hono().use(honoEntry.sluice(database)).route('/shop', part);
    const answer = await app.request('/shop/sales', { method: 'POST' });
    expect([answer.status, await answer.text()]).toEqual([200, 'never mind']);
    expect(await server.products()).toEqual([]);
  });

  it('reads the context of a request once, where parts of the application have the middleware', async () => {
    const secret = 'a secret of the system';
    const enter = honoEntry.sluice(database, { secret });
    const part = new Hono().use(enter);
    part.get('/context', (c) => c.json(currentContext()));
    const app = new Hono().use(enter).route('/shop', part);
    const headers = withContext({ tenant: 'acme' }, () =>
      createContextCarrier(database, { secret }).injectContext<Record<string, string>>({}),
    );
    expect(await (await app.request('/shop/context', { headers })).json()).toMatchObject({ tenant: 'acme' });
  });

  it('rolls back for a stream that breaks', async () => {
    const app = new Hono().use(honoEntry.sluice(database));
    app.post('/', honoEntry.transaction(), async (c) => {
      await insert(database, 1);
      return c.body(new ReadableStream({ pull: (controller) => controller.error(new Error('the file is gone')) }));
    });
    app.onError(honoEntry.problemHandler({ onError: () => {} }));
    expect((await app.request('/', { method: 'POST' })).status).toBe(500);
    expect(await server.products()).toEqual([]);
  });
});
