// What a server says of requests that it has answered with 500, and of those whose client has gone.
import { serve } from '@hono/node-server';
import express5 from 'express';
import { Hono } from 'hono';
import { stream, streamText } from 'hono/streaming';
import { createRequire } from 'node:module';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as expressEntry from '../../../src/frameworks/express/index.ts';
import * as honoEntry from '../../../src/frameworks/hono/index.ts';
import { problemOf } from '../../../src/http/index.ts';
import { type Database, setRollbackOnly } from '../../../src/index.ts';
import { insert, useTestDatabase } from '../../support/database.ts';
import { ask, listening } from '../../support/http-client.ts';
import { rejection, signal, until } from '../../support/settled.ts';

const express4 = createRequire(import.meta.url)('express-4') as typeof express5;
const server = useTestDatabase();
const opened: Server[] = [];
const written: string[] = [];
let database: Database<'default'>;
beforeEach(() => {
  database = server.open();
  vi.spyOn(console, 'error').mockImplementation((text: string, error: Error) => {
    written.push(`${text} ${error.stack}`);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  written.length = 0;
  for (const each of opened.splice(0)) each.close().closeAllConnections();
});
const fail = (): never => {
  throw new TypeError('no such product');
};

/** Serves `POST /shop/sales/:id`, with a transaction, and `POST /shop/plain`, both of which fail. */
type Start = () => Promise<number>;

const onExpress =
  (make: typeof express5): Start =>
  async () => {
    const router = make.Router();
    router.post('/sales/:id', expressEntry.transactional(fail));
    router.post('/plain', fail);
    const app = make().use(expressEntry.sluice(database)).use('/shop', router).use(expressEntry.problemHandler());
    const made = createServer(app);
    opened.push(made);
    return await listening(made);
  };

async function onHono(app: Hono): Promise<number> {
  return await new Promise((resolve) => {
    const made = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(port));
    opened.push(made as Server);
  });
}
const honoShop: Start = async () => {
  const shop = new Hono().post('/sales/:id', honoEntry.transaction(), fail).post('/plain', fail);
  const app = new Hono().use(honoEntry.sluice(database)).route('/shop', shop);
  app.onError(honoEntry.problemHandler());
  return await onHono(app);
};

it.each<[string, Start, string]>([
  ['express 5', onExpress(express5), ''],
  ['express 4', onExpress(express4), ''],
  ['hono', honoShop, '/shop'],
])('%s writes each failure with its method, route and stack', async (_, start, prefix) => {
  const port = await start();
  for (const path of ['/shop/sales/1?token=x', '/shop/sales/2', '/shop/plain'])
    expect((await ask(port, 'POST', path)).status).toBe(500);
  expect(written.length).toBe(3);
  for (const [at, route] of ['/sales/:id', '/sales/:id', '/plain'].entries())
    expect(written[at]).toContain(
      `POST ${prefix}${route} was answered with 500: TypeError: no such product\n    at fail`,
    );
});

describe('hono', () => {
  it('is silent about a client that has left between two statements: 499', async () => {
    const [begun, gone] = [signal(), signal()];
    const [errors, statuses]: [unknown[], number[]] = [[], []];
    const app = new Hono();
    app.use(async (c, next) => {
      await next();
      statuses.push(c.res.status);
    });
    app.use(honoEntry.sluice(database));
    app.post('/', honoEntry.transaction(), async (c) => {
      await insert(database, 1);
      c.get('sluice').signal.addEventListener('abort', gone.fire);
      begun.fire();
      await gone.promise;
      await until('its connection is back', () => database.stats().clients.default.used === 0);
      await insert(database, 2);
      return c.json({ sold: true });
    });
    app.onError(honoEntry.problemHandler({ onError: (error) => errors.push(error) }));
    const sent = ask(await onHono(app), 'POST', '/');
    sent.catch(() => {});
    await begun.promise;
    sent.leave();
    await until('it is answered', () => statuses.length > 0);
    expect([statuses, errors]).toEqual([[499], []]);
    expect(await server.products()).toEqual([]);
  });

  it.each<[string, (c: Parameters<typeof stream>[0]) => Response]>([
    ['stream', (c) => stream(c, fails, () => Promise.resolve(setRollbackOnly()))],
    ['streamText', (c) => streamText(c, fails, () => Promise.resolve(setRollbackOnly()))],
  ])('rolls back for an error in the callback of %s that is told to', async (_, answer) => {
    const app = new Hono().use(honoEntry.sluice(database));
    app.post('/', honoEntry.transaction(), (c) => answer(c));
    app.onError(honoEntry.problemHandler({ onError: () => {} }));
    expect((await ask(await onHono(app), 'POST', '/')).status).toBe(500);
    expect(await server.products()).toEqual([]);
  });
});

async function fails(target: { write(text: string): Promise<unknown> }): Promise<void> {
  await insert(database, 1);
  await target.write('1;pen\n');
  throw new Error('the file is gone');
}

it('says of a statement that came too late what ended its transaction', async () => {
  const late = Promise.withResolvers<unknown>();
  const ended = await rejection(
    database.transaction(
      async () => {
        await insert(database, 1);
        await new Promise((resolve) => setTimeout(resolve, 120));
        await until('its connection is back', () => database.stats().clients.default.used === 0);
        await insert(database, 2).catch(late.resolve);
      },
      { timeout: 100 },
    ),
  );
  expect(problemOf(ended).status).toBe(504);
  const error = await late.promise;
  expect(error).toMatchObject({ code: 'TRANSACTION_ENDED' });
  expect(problemOf(error).body).toMatchObject({ status: 504, code: 'TRANSACTION_TIMEOUT' });
});
