import { serve } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { createServer, type Server } from 'node:http';
import * as expressEntry from '../../src/frameworks/express/index.ts';
import * as fastifyEntry from '../../src/frameworks/fastify/index.ts';
import * as honoEntry from '../../src/frameworks/hono/index.ts';
import type { RouteTransactionOptions } from '../../src/http/index.ts';
import { portOf } from '../support/http-client.ts';
import { type Asked, describeIdempotentRoutes, type Shop, type ShopKit } from '../support/idempotency-suite.ts';

/** The routes by their paths. */
const routes = ({ options }: Shop): readonly (readonly [string, Omit<RouteTransactionOptions, 'retry'>])[] => [
  ['/orders', { idempotency: options, rollbackOnStatus: (status) => status >= 500 }],
  ['/refunds', { idempotency: true }],
  ['/optional', { idempotency: { required: false } }],
];

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
const cookie = 'session=7; HttpOnly';
const tenantOf = (tenant: unknown): string | undefined => (typeof tenant === 'string' ? tenant : undefined);

const fastifyKit: ShopKit = {
  name: 'Fastify',
  async start(shop) {
    const app = fastify();
    await app.register(fastifyEntry.sluice(shop.database, { tenant: ({ headers }) => tenantOf(headers['x-tenant']) }));
    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', request.headers['x-request-id']);
    });
    for (const [path, transaction] of routes(shop)) {
      app.post<{ Body: Asked }>(path, { config: { transaction } }, async (request, reply) => {
        const { status, body } = await shop.work(request.body);
        reply.code(status).header('x-order', 'yes').header('set-cookie', cookie).type('text/x-order');
        return status === 204 ? reply.send() : reply.send(body);
      });
    }
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { url: `http://127.0.0.1:${portOf(app.server)}`, close: () => app.close() };
  },
};

const expressKit: ShopKit = {
  name: 'Express',
  async start(shop) {
    const app = express();
    app.use(express.json());
    app.use(expressEntry.sluice(shop.database, { tenant: ({ headers }) => tenantOf(headers['x-tenant']) }));
    app.use((request, response, next) => {
      response.set('x-request-id', request.get('x-request-id'));
      next();
    });
    for (const [path, options] of routes(shop)) {
      const handler = expressEntry.transactional(async (request, response) => {
        const { status, body } = await shop.work(request.body as Asked);
        response.status(status).set({ 'x-order': 'yes', 'set-cookie': cookie, 'content-type': 'text/x-order' });
        if (status === 204) response.end();
        else response.send(body);
      }, options);
      app.post(path, handler);
    }
    app.use(expressEntry.problemHandler({ onError: () => {} }));
    const server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${portOf(server)}`, close: () => closed(server) };
  },
};

const honoKit: ShopKit = {
  name: 'Hono',
  async start(shop) {
    const app = new Hono();
    app.use(honoEntry.sluice(shop.database, { tenant: (c) => c.req.header('x-tenant') }));
    app.use(async (c, next) => {
      c.header('x-request-id', c.req.header('x-request-id'));
      await next();
    });
    for (const [path, options] of routes(shop)) {
      app.post(path, honoEntry.transaction(options), async (c) => {
        const { status, body } = await shop.work(await c.req.json<Asked>());
        const headers = { 'x-order': 'yes', 'set-cookie': cookie, 'content-type': 'text/x-order' };
        return status === 204 ? c.body(null, status, headers) : c.body(body, status as 201, headers);
      });
    }
    app.onError(honoEntry.problemHandler({ onError: () => {} }));
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server;
    await new Promise<void>((resolve) => (server.listening ? resolve() : server.once('listening', resolve)));
    return { url: `http://127.0.0.1:${portOf(server)}`, close: () => closed(server) };
  },
};

for (const kit of [fastifyKit, expressKit, honoKit]) describeIdempotentRoutes(kit);
