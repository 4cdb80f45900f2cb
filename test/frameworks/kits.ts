import { serve } from '@hono/node-server';
import express5 from 'express';
import express4 from 'express-4';
import fastify from 'fastify';
import { Hono } from 'hono';
import { stream, streamSSE } from 'hono/streaming';
import { createServer, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as expressEntry from '../../src/frameworks/express/index.ts';
import * as fastifyEntry from '../../src/frameworks/fastify/index.ts';
import * as honoEntry from '../../src/frameworks/hono/index.ts';
import type { RouteTransactionOptions } from '../../src/http/index.ts';
import { currentContext, type Database } from '../../src/index.ts';
import { portOf } from '../support/http-client.ts';

/** What a server is made with. */
export interface Setting {
  readonly database: Database<'default'>;
  readonly options?: { readonly secret?: string; readonly timeout?: number };
  readonly route?: Omit<RouteTransactionOptions, 'retry'>;
  /**
   * What the handlers of GET and POST /orders/:id do in a transaction, and that of /alone/:id outside of one; the result is the
   * status of the answer.
   */
  readonly work?: (id: number) => Promise<number>;
  readonly onError?: (error: unknown) => void;
}

/** A server of a framework with the same routes as the others. */
export interface Running {
  readonly server: Server;
  readonly port: number;
  readonly app: unknown;
  close(): Promise<void>;
}

export interface Kit {
  readonly name: string;
  start(setting: Setting): Promise<Running>;
}

const rows = 20;
/** Reads a row for each piece, in whatever transaction is ambient when it is read. */
async function* pieces(database: Database<'default'>, size: number): AsyncGenerator<string> {
  for (let at = 0; at < rows; at += 1) {
    await database.query('select 1');
    yield 'x'.repeat(size);
  }
}

const insert = async (database: Database<'default'>, id: number): Promise<unknown> =>
  await database.query('insert into product (id) values ($1)', [id]);

const stopped = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

async function started(server: Server, app: unknown): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: portOf(server), app, close: () => stopped(server) };
}

const fastifyKit: Kit = {
  name: 'fastify',
  async start({ database, options = {}, route = {}, work }) {
    const app = fastify();
    await app.register(fastifyEntry.sluice(database, options));
    const config = { transaction: route };
    app.addContentTypeParser('application/x-upload', (_request, _payload, done) => done(null));
    app.get('/context', () => currentContext());
    app.route({
      method: ['GET', 'POST'],
      url: '/orders/:id',
      config,
      handler: async (request, reply) => {
        const id = Number((request.params as { id: string }).id);
        const status = (await work?.(id)) ?? 200;
        return reply.code(status).header('x-handler', 'yes').send({ id });
      },
    });
    app.get<{ Params: { id: string } }>('/alone/:id', async (request, reply) =>
      reply.code((await work?.(Number(request.params.id))) ?? 200).send({}),
    );
    app.post('/returned', { config: { transaction: true } }, async () => {
      await insert(database, 1);
      return { returned: true };
    });
    app.post('/later', { config }, (_request, reply) => {
      void insert(database, 1).then(() => reply.send('later'));
    });
    app.post('/plain', async (request) => {
      await request.transaction(async () => await insert(database, 1));
      return 'plain';
    });
    app.post('/stream/:size', { config }, async (request, reply) => {
      await insert(database, 1);
      const { size } = request.params as { size: string };
      return reply.type('text/plain').send(Readable.from(pieces(database, Number(size)), { objectMode: false }));
    });
    app.post('/awaited', { config }, async (_request, reply) => {
      await insert(database, 1);
      void reply.send('awaited');
      await reply;
    });
    app.post('/events', { config }, async (_request, reply) => {
      await insert(database, 1);
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
      reply.raw.write('data: 1\n\n');
      await new Promise(() => {});
    });
    app.post('/upload', { config }, async (request) => {
      await insert(database, 1);
      for await (const _ of request.raw);
      return 'uploaded';
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { server: app.server, port: portOf(app.server), app, close: () => app.close() };
  },
};

const expressKit = (name: string, express: typeof express5): Kit => ({
  name,
  async start({ database, options = {}, route = {}, work, onError = () => {} }) {
    const app = express();
    app.use(expressEntry.sluice(database, options));
    const wrap = (handler: express5.RequestHandler): express5.RequestHandler =>
      expressEntry.transactional(handler, route);
    app.get('/context', (_request, response) => void response.json(currentContext()));
    const order = wrap(async (request, response) => {
      const id = Number(request.params['id']);
      const status = (await work?.(id)) ?? 200;
      response.status(status).set('x-handler', 'yes').json({ id });
    });
    app.get('/alone/:id', (request, response, next) => {
      const ended = work?.(Number(request.params.id)) ?? Promise.resolve(200);
      ended.then((status) => response.status(status).json({}), next);
    });
    app.get('/orders/:id', order);
    app.post('/orders/:id', order);
    app.post(
      '/returned',
      wrap(async (_request, response) => {
        await insert(database, 1);
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('{"returned":true}');
      }),
    );
    app.post(
      '/later',
      wrap((_request, response) => {
        void insert(database, 1).then(() => response.send('later'));
      }),
    );
    app.post('/plain', (request, response, next) => {
      expressEntry
        .contextOf(request)
        .transaction(async () => await insert(database, 1))
        .then(() => response.send('plain'), next);
    });
    app.post(
      '/stream/:size',
      wrap(async (request, response) => {
        await insert(database, 1);
        Readable.from(pieces(database, Number(request.params['size'])), { objectMode: false }).pipe(response);
      }),
    );
    app.post(
      '/awaited',
      wrap(async (_request, response) => {
        await insert(database, 1);
        await pipeline(Readable.from(['awai', 'ted']), response);
      }),
    );
    app.post(
      '/events',
      wrap(async (_request, response) => {
        await insert(database, 1);
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: 1\n\n');
        await new Promise(() => {});
      }),
    );
    app.post(
      '/upload',
      wrap(async (request, response) => {
        await insert(database, 1);
        for await (const _ of request);
        response.send('uploaded');
      }),
    );
    app.use(expressEntry.problemHandler({ onError }));
    return await started(createServer(app), app);
  },
});

const honoKit: Kit = {
  name: 'hono',
  async start({ database, options = {}, route = {}, work, onError = () => {} }) {
    const app = new Hono();
    app.use(honoEntry.sluice(database, options));
    const transaction = honoEntry.transaction(route);
    app.get('/context', (c) => c.json(currentContext()));
    app.on(['GET', 'POST'], '/orders/:id', transaction, async (c) => {
      const id = Number(c.req.param('id'));
      const status = (await work?.(id)) ?? 200;
      c.header('x-handler', 'yes');
      // A Response of these has no body.
      return status === 204 || status === 304 ? c.body(null, status) : c.json({ id }, status as 200);
    });
    app.get('/alone/:id', async (c) => c.json({}, ((await work?.(Number(c.req.param('id')))) ?? 200) as 200));
    app.post('/returned', transaction, async (c) => {
      await insert(database, 1);
      return c.json({ returned: true });
    });
    app.post('/later', transaction, async (c) => {
      await insert(database, 1);
      return c.text('later');
    });
    app.post('/plain', async (c) => {
      await c.get('sluice').transaction(async () => await insert(database, 1));
      return c.text('plain');
    });
    app.post('/stream/:size', transaction, async (c) => {
      await insert(database, 1);
      return stream(c, async (target) => {
        for await (const piece of pieces(database, Number(c.req.param('size')))) await target.write(piece);
      });
    });
    app.post('/awaited', transaction, async (c) => {
      await insert(database, 1);
      return c.body('awaited');
    });
    app.post('/events', transaction, async (c) => {
      await insert(database, 1);
      return streamSSE(c, async (target) => {
        await target.writeSSE({ data: '1' });
        await new Promise((resolve) => target.onAbort(() => resolve(undefined)));
      });
    });
    app.post('/upload', transaction, async (c) => {
      await insert(database, 1);
      await c.req.arrayBuffer();
      return c.text('uploaded');
    });
    app.onError(honoEntry.problemHandler({ onError }));
    const server = await new Promise<Server>((resolve) => {
      const made = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(made as Server));
    });
    return { server, port: portOf(server), app, close: () => stopped(server) };
  },
};

export const kits: readonly Kit[] = [
  fastifyKit,
  expressKit('express 5', express5),
  expressKit('express 4', express4),
  honoKit,
];
