// An answer is the same with a transaction of its route as without, also where the framework gives the status by itself.
import { serve } from '@hono/node-server';
import express5 from 'express';
import express4 from 'express-4';
import fastify, { type FastifyInstance, type RouteHandler } from 'fastify';
import { Hono, type Handler } from 'hono';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as expressEntry from '../../../src/frameworks/express/index.ts';
import * as fastifyEntry from '../../../src/frameworks/fastify/index.ts';
import * as honoEntry from '../../../src/frameworks/hono/index.ts';
import type { Database } from '../../../src/index.ts';
import { createIdempotencyTables } from '../../../src/ports/idempotency/index.ts';
import { useTestDatabase } from '../../support/database.ts';
import { type Answer, ask, listening, portOf } from '../../support/http-client.ts';
import { expectSame, type manners, variants } from '../../support/redirects.ts';

const server = useTestDatabase();
const closers: (() => Promise<unknown>)[] = [];
let database: Database<'default'>;
beforeEach(async () => {
  database = server.open();
  await createIdempotencyTables(database.current);
});
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});
const stop = (running: Server): void => {
  closers.push(
    () =>
      new Promise((resolve) => {
        running.close(resolve);
        running.closeAllConnections();
      }),
  );
};

async function onFastify(
  handlers: Readonly<Record<string, RouteHandler>>,
  define: (app: FastifyInstance) => unknown = () => {},
): Promise<number> {
  const app = fastify();
  closers.push(() => app.close());
  await app.register(fastifyEntry.sluice(database));
  define(app);
  for (const [path, handler] of Object.entries(handlers)) {
    app.post(`/plain/${path}`, handler);
    for (const [name, transaction] of variants) app.post(`/${name}/${path}`, { config: { transaction } }, handler);
  }
  await app.listen({ port: 0, host: '127.0.0.1' });
  return portOf(app.server);
}

/** Starts a server with each manner under /plain, /transaction and /idempotent. */
type Start = () => Promise<number>;

const startFastify: Start = () =>
  onFastify({
    redirect: async (_request, reply) => reply.redirect('/x'),
    permanent: async (_request, reply) => reply.redirect('/x', 301),
  });

const startExpress =
  (express: typeof express5): Start =>
  async () => {
    const app = express().use(expressEntry.sluice(database));
    const handlers: Record<keyof typeof manners, express5.RequestHandler> = {
      redirect: (_request, response) => response.redirect('/x'),
      permanent: (_request, response) => response.redirect(301, '/x'),
    };
    for (const [path, handler] of Object.entries(handlers)) {
      app.post(`/plain/${path}`, handler);
      for (const [name, options] of variants)
        app.post(`/${name}/${path}`, expressEntry.transactional(handler, options));
    }
    const made = createServer(app);
    stop(made);
    return await listening(made);
  };

const startHono: Start = async () => {
  const app = new Hono();
  app.use(honoEntry.sluice(database));
  const handlers: Record<keyof typeof manners, Handler> = {
    redirect: (c) => c.redirect('/x'),
    permanent: (c) => c.redirect('/x', 301),
  };
  for (const [path, handler] of Object.entries(handlers)) {
    app.post(`/plain/${path}`, handler);
    for (const [name, options] of variants) app.post(`/${name}/${path}`, honoEntry.transaction(options), handler);
  }
  return await new Promise((resolve) => {
    const made = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(port)) as Server;
    stop(made);
  });
};

it.each<[string, Start]>([
  ['Fastify', startFastify],
  ['Express 5', startExpress(express5)],
  ['Express 4', startExpress(express4)],
  ['Hono', startHono],
])('redirects with a transaction as without, and again for a request that comes again: %s', async (_, start) => {
  await expectSame(await start());
});

describe('Fastify', () => {
  /** What a reply has from hooks: of the reply itself, and of the response below it. */
  const withHooks = (app: FastifyInstance): void => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('set-cookie', 'a=1').header('set-cookie', 'b=2').header('x-hook', 'yes').header('x-kept', 'yes');
      reply.raw.setHeader('x-raw', 'of the hook');
    });
  };
  const allOf = ({ status, headers, text }: Answer): object => ({ status, headers: { ...headers, date: '' }, text });

  it('answers as without a transaction, where hooks have set something and the handler sets no status', async () => {
    const handlers: Record<string, RouteHandler> = {
      redirect: async (_request, reply) => reply.header('set-cookie', 'c=3').redirect('/x'),
      raw: async (_request, reply) => {
        reply.raw.setHeader('x-raw', 'of the handler');
        return { is: 'raw' };
      },
      null: async () => null,
      nothing: async () => {},
      missing: async () => {
        throw Object.assign(new Error('not found'), { statusCode: 404 });
      },
    };
    const port = await onFastify(handlers, withHooks);
    for (const path of Object.keys(handlers))
      expect(allOf(await ask(port, 'POST', `/transaction/${path}`)), path).toEqual(
        allOf(await ask(port, 'POST', `/plain/${path}`)),
      );
  });

  it.each<[string, RouteHandler, object]>([
    ['a redirect', async (_request, reply) => reply.redirect('/x'), { status: 302, text: '' }],
    ['a body', async () => ({ is: 'sold' }), { status: 200, text: '{"is":"sold"}' }],
  ])(
    'takes back the status, headers, trailers and serializer of an attempt that failed: %s',
    async (_, last, expected) => {
      let attempts = 0;
      const handler: RouteHandler = async function (request, reply) {
        attempts += 1;
        if (attempts > 1) return await last.call(this, request, reply);
        void reply.code(409).headers({ 'set-cookie': 'c=3', 'x-hook': 'no', 'x-attempt': '1' });
        void reply.serializer(() => 'of the attempt').trailer('x-trailer', async () => 'of the attempt');
        reply.removeHeader('x-kept');
        await database.query("do $$ begin raise exception 'again' using errcode = '40001'; end $$");
        return undefined;
      };
      const port = await onFastify({}, (app) => {
        withHooks(app);
        app.post('/', { config: { transaction: { retry: { attempts: 2, delay: 1 } } } }, handler);
      });
      const answer = await ask(port, 'POST', '/');
      expect(attempts).toBe(2);
      expect(answer).toMatchObject({
        ...expected,
        headers: { 'set-cookie': ['a=1', 'b=2'], 'x-hook': 'yes', 'x-kept': 'yes', 'x-raw': 'of the hook' },
      });
      expect(answer.headers).not.toHaveProperty('x-attempt');
      expect(answer.headers).not.toHaveProperty('trailer');
    },
  );
});

it('takes back a cookie that an attempt which failed has added to those of middleware: Express', async () => {
  let attempts = 0;
  const app = express5().use(expressEntry.sluice(database), (_request, response, next) => {
    response.setHeader('set-cookie', ['a=1']);
    next();
  });
  const handler: express5.RequestHandler = async (_request, response) => {
    attempts += 1;
    response.appendHeader('set-cookie', `b=${attempts}`);
    if (attempts === 1) await database.query("do $$ begin raise exception 'again' using errcode = '40001'; end $$");
    response.redirect('/x');
  };
  app.post('/', expressEntry.transactional(handler, { retry: { attempts: 2, delay: 1 } }));
  const made = createServer(app);
  stop(made);
  const answer = await ask(await listening(made), 'POST', '/');
  expect(answer).toMatchObject({ status: 302, headers: { 'set-cookie': ['a=1', 'b=2'] } });
});
