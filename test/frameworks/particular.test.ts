// What one framework has alone.
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import * as expressEntry from '../../src/frameworks/express/index.ts';
import * as fastifyEntry from '../../src/frameworks/fastify/index.ts';
import * as honoEntry from '../../src/frameworks/hono/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { ask, listening } from '../support/http-client.ts';

const server = useTestDatabase();
const opened: Server[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.close().closeAllConnections();
});
const serve = async (app: express.Express): Promise<number> => {
  const made = createServer(app);
  opened.push(made);
  return await listening(made);
};

describe('fastify', () => {
  it('refuses a route that was defined before the plugin was loaded', async () => {
    const database = server.open();
    const errors: unknown[] = [];
    const app = fastify();
    void app.register(fastifyEntry.sluice(database));
    app.post('/', { config: { transaction: true } }, () => insert(database, 1));
    app.addHook('onError', async (_request, _reply, error) => void errors.push(error));
    const answer = await app.inject({ method: 'POST', url: '/' });
    expect(answer.json()).toMatchObject({ status: 500, code: 'INVALID_OPTION' });
    expect(errors).toMatchObject([
      { remedy: expect.stringMatching(/Write "await app.register\(sluice\(database\)\)" before it/) as string },
    ]);
    expect(await server.products()).toEqual([]);
    await app.close();
  });

  it('refuses a reply that is hijacked, and rolls back', async () => {
    const database = server.open();
    const app = fastify();
    await app.register(fastifyEntry.sluice(database));
    app.post('/', { config: { transaction: true } }, async (_request, reply) => {
      await insert(database, 1);
      reply.hijack();
    });
    expect((await app.inject({ method: 'POST', url: '/' })).json()).toMatchObject({ code: 'INVALID_OPTION' });
    expect(await server.products()).toEqual([]);
    await app.close();
  });

  it('refuses options of a route when it is defined', async () => {
    const app = fastify();
    await app.register(fastifyEntry.sluice(server.open()));
    const define = (transaction: never): unknown => app.get('/', { config: { transaction } }, () => 1);
    expect(() => define({ timeout: 'soon' } as never)).toThrow('got a string for the option "timeout"');
    expect(() => define('yes' as never)).toThrow('A route got a string for its option "transaction"');
    // An option of @fastify/websocket.
    const socket = { websocket: true, config: { transaction: true } };
    expect(() => app.get('/socket', socket, () => 1)).toThrow('The route /socket is a WebSocket and asks for a tran');
    await app.close();
  });

  it('leaves errors of its own, and of the program, as they are', async () => {
    const app = fastify();
    await app.register(fastifyEntry.sluice(server.open()));
    app.get('/', () => {
      throw Object.assign(new Error('no tea'), { statusCode: 418 });
    });
    expect((await app.inject('/')).json()).toMatchObject({ statusCode: 418, message: 'no tea' });
    expect((await app.inject('/nowhere')).statusCode).toBe(404);
    await app.close();
  });

  it('parses a body, and the handler is in the context of its request', async () => {
    const database = server.open();
    const app = fastify();
    await app.register(fastifyEntry.sluice(database, { timeout: 60_000 }));
    app.post<{ Body: { id: number } }>('/', { config: { transaction: true } }, async (request) => {
      await insert(database, request.body.id);
      return { active: database.current.transaction.active?.name };
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as { port: number };
    const body = JSON.stringify({ id: 3 });
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    expect(await answer.json()).toEqual({ active: 'POST /' });
    expect(await server.products()).toEqual([3]);
    await app.close();
  });

  it('ends all that works in the background, and the database, when it is closed', async () => {
    const order: string[] = [];
    const database = server.open();
    const app = fastify();
    const jobs = { close: async () => void order.push('jobs') };
    const stopping = (name: string): { stop(): Promise<void> } => ({ stop: async () => void order.push(name) });
    const stopped = Object.fromEntries(['relay', 'outbox', 'events', 'sagas'].map((name) => [name, stopping(name)]));
    await app.register(fastifyEntry.sluice(database, { shutdown: { jobs, ...stopped } }));
    await app.close();
    expect(order).toEqual(['jobs', 'sagas', 'events', 'outbox', 'relay']);
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'DATABASE_CLOSED' });
  });

  it('does not end the database unless it is told to', async () => {
    const database = server.open();
    const app = fastify();
    await app.register(fastifyEntry.sluice(database));
    await app.close();
    expect((await database.query('select 1')).rowCount).toBe(1);
  });
});

describe('express', () => {
  it('commits before it passes a request on', async () => {
    const database = server.open();
    const app = express().use(expressEntry.sluice(database));
    app.post(
      '/',
      expressEntry.transactional(async (_request, _response, next) => {
        await insert(database, 1);
        next();
      }),
      (_request, response) => {
        response.json({ inTransaction: database.current.inTransaction });
      },
    );
    expect((await ask(await serve(app), 'POST', '/')).json).toEqual({ inTransaction: false });
    expect(await server.products()).toEqual([1]);
  });

  it('rolls back for what is given to next', async () => {
    const database = server.open();
    const app = express().use(expressEntry.sluice(database));
    app.post(
      '/',
      expressEntry.transactional((_request, _response, next) => {
        insert(database, 1).then(() => next(Object.assign(new Error('no tea'), { status: 418 })), next);
      }),
    );
    app.use(expressEntry.problemHandler());
    app.use(((error: { status: number }, _request, response, _next) => {
      response.status(error.status).json({ mine: true });
    }) as express.ErrorRequestHandler);
    expect(await ask(await serve(app), 'POST', '/')).toMatchObject({ status: 418, json: { mine: true } });
    expect(await server.products()).toEqual([]);
  });

  it('repeats a handler with the headers and status that it began with', async () => {
    const database = server.open();
    const app = express().use(expressEntry.sluice(database));
    let attempt = 0;
    app.post(
      '/',
      expressEntry.transactional(
        async (_request, response) => {
          attempt += 1;
          response.append('x-attempt', String(attempt)).status(attempt === 1 ? 202 : 200);
          await insert(database, attempt);
          if (attempt === 1) {
            response.json({ attempt });
            await database.query("do $$ begin raise exception 'again' using errcode = '40001'; end $$");
          }
          response.json({ attempt });
        },
        { retry: { attempts: 2, delay: 1 } },
      ),
    );
    const answer = await ask(await serve(app), 'POST', '/');
    expect(answer).toMatchObject({ status: 200, json: { attempt: 2 } });
    expect(answer.headers['x-attempt']).toBe('2');
    expect(await server.products()).toEqual([2]);
  });

  it('answers 503 for a serialization failure', async () => {
    const database = server.open();
    const app = express().use(expressEntry.sluice(database));
    app.post(
      '/',
      expressEntry.transactional(async () => {
        await database.query("do $$ begin raise exception 'again' using errcode = '40001'; end $$");
      }),
    );
    app.use(expressEntry.problemHandler());
    const answer = await ask(await serve(app), 'POST', '/');
    expect(answer).toMatchObject({ status: 503, json: { code: 'SERIALIZATION_FAILURE' } });
    expect(answer.headers['retry-after']).toBe('1');
  });

  it('has no transaction without the middleware', async () => {
    const errors: unknown[] = [];
    const app = express().post(
      '/',
      expressEntry.transactional((_request, response) => void response.send('sold')),
    );
    app.use(expressEntry.problemHandler({ onError: (error) => errors.push(error) }));
    expect((await ask(await serve(app), 'POST', '/')).status).toBe(500);
    expect(errors).toMatchObject([{ remedy: 'Use the middleware before its route: app.use(sluice(database))' }]);
  });

  it('answers 503 when the database is closed', async () => {
    const database = server.open();
    const app = express().use(expressEntry.sluice(database));
    app.post(
      '/',
      expressEntry.transactional(async () => await insert(database, 1).then(() => undefined)),
    );
    app.use(expressEntry.problemHandler());
    await database.close();
    expect(await ask(await serve(app), 'POST', '/')).toMatchObject({ status: 503, json: { code: 'DATABASE_CLOSED' } });
  });
});

describe('hono', () => {
  it('rolls back for an error that app.onError has answered with 200', async () => {
    const database = server.open();
    const app = new Hono().use(honoEntry.sluice(database));
    app.post('/', honoEntry.transaction(), async () => {
      await insert(database, 1);
      throw new Error('no stock');
    });
    app.onError((_error, c) => c.text('fine', 200));
    expect((await app.request('/', { method: 'POST' })).status).toBe(200);
    expect(await server.products()).toEqual([]);
  });

  it('refuses retry, since a handler runs once', () => {
    expect(() => honoEntry.transaction({ retry: { attempts: 2 } } as object)).toThrow('Hono runs the handler');
  });

  it('keeps several cookies of an answer', async () => {
    const database = server.open();
    const app = new Hono().use(honoEntry.sluice(database));
    app.post('/', honoEntry.transaction(), (c) => {
      c.header('set-cookie', 'a=1', { append: true });
      c.header('set-cookie', 'b=2', { append: true });
      return c.json({ sold: true });
    });
    const answer = await app.request('/', { method: 'POST' });
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await answer.json()).toEqual({ sold: true });
  });
});
