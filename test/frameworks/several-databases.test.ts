// Parts of an application with databases of their own, and what a probe asks.
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import * as expressEntry from '../../src/frameworks/express/index.ts';
import * as fastifyEntry from '../../src/frameworks/fastify/index.ts';
import * as honoEntry from '../../src/frameworks/hono/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { ask, listening, portOf } from '../support/http-client.ts';

const server = useTestDatabase();
const opened: Server[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.close().closeAllConnections();
});
let shop: Database<'default'>;
let ledger: Database<'default'>;
beforeEach(() => {
  [shop, ledger] = [server.open(), server.open()];
});
const seen = (): object => ({ shop: shop.current.inTransaction, ledger: ledger.current.inTransaction });

describe('a part of an application has a database of its own', () => {
  it('in a router of Express', async () => {
    const router = express.Router().use(expressEntry.sluice(ledger));
    const answer = expressEntry.transactional((_request, response) => void response.json(seen()));
    router.get('/', answer);
    const app = express().use(expressEntry.sluice(shop)).get('/', answer).use('/ledger', router);
    const made = createServer(app);
    opened.push(made);
    const port = await listening(made);
    expect((await ask(port, 'GET', '/')).json).toEqual({ shop: true, ledger: false });
    expect((await ask(port, 'GET', '/ledger')).json).toEqual({ shop: false, ledger: true });
  });

  it('in a part of Hono', async () => {
    const part = new Hono().use(honoEntry.sluice(ledger)).get('/', honoEntry.transaction(), (c) => c.json(seen()));
    const app = new Hono().use(honoEntry.sluice(shop)).get('/', honoEntry.transaction(), (c) => c.json(seen()));
    app.route('/ledger', part);
    expect(await (await app.request('/')).json()).toEqual({ shop: true, ledger: false });
    expect(await (await app.request('/ledger')).json()).toEqual({ shop: false, ledger: true });
  });

  it('and in a handler the other database has a transaction of its own, which commits by itself', async () => {
    const app = fastify();
    await app.register(fastifyEntry.sluice(shop));
    app.post('/', { config: { transaction: true } }, async (request) => {
      await insert(shop, 1);
      await ledger.transaction(() => insert(ledger, 2), { signal: request.sluice.signal });
      throw new Error('no stock');
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    expect((await ask(portOf(app.server), 'POST', '/')).status).toBe(500);
    expect(await server.products()).toEqual([2]);
    await app.close();
  });
});

it('a readiness route answers 204, and 503 where the database is away or closed', async () => {
  const away = createDatabase({ clients: { default: postgres({ connectionString: 'postgres://x@127.0.0.1:1/x' }) } });
  const app = fastify();
  await app.register(fastifyEntry.sluice(shop));
  for (const [path, database] of [
    ['/ready', shop],
    ['/away', away],
  ] as const)
    app.get(path, async (_request, reply) => {
      const asked = database.transaction(() => database.query('select 1'), { name: 'readiness', timeout: 1_000 });
      const isReady = await asked.then(
        () => true,
        () => false,
      );
      return reply.code(isReady ? 204 : 503).send();
    });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const port = portOf(app.server);
  expect((await ask(port, 'GET', '/ready')).status).toBe(204);
  expect((await ask(port, 'GET', '/away')).status).toBe(503);
  await shop.close();
  expect((await ask(port, 'GET', '/ready')).status).toBe(503);
  await app.close();
  await away.close();
});
