// The plugin in scopes of Fastify: what it holds for, and what is refused.
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sluice } from '../../../src/frameworks/fastify/index.ts';
import type { Database } from '../../../src/index.ts';
import { insert, useTestDatabase } from '../../support/database.ts';
import { ask, portOf } from '../../support/http-client.ts';
import { rejection } from '../../support/settled.ts';

const server = useTestDatabase();
let app: FastifyInstance;
let database: Database<'default'>;
beforeEach(() => {
  app = fastify();
  database = server.open();
});
afterEach(() => app.close());

const config = { transaction: true };
const routes = async (scope: FastifyInstance): Promise<void> => {
  scope.post('/sales', { config }, async () => {
    await insert(database, 1);
    throw new Error('no stock');
  });
};
const plugin = async (scope: FastifyInstance): Promise<void> => {
  await scope.register(sluice(database));
};
/** As the package fastify-plugin does it. */
const unscoped = Object.assign((scope: FastifyInstance) => plugin(scope), { [Symbol.for('skip-override')]: true });
const listen = (): Promise<string> => app.listen({ port: 0, host: '127.0.0.1' });

it('does not start where the plugin is in another scope than a route with a transaction', async () => {
  await app.register(plugin);
  await app.register(routes);
  const error = await rejection(listen());
  expect(error).toMatchObject({ code: 'INVALID_OPTION' });
  expect(error.message).toContain('The route POST /sales asks for a transaction');
  expect(error.message).toContain('fastify-plugin');
});

it('does not start either where the route is on the application itself, or in a scope of a scope', async () => {
  await app.register(async (outer) => {
    await outer.register(plugin);
  });
  app.register(async (outer) => {
    await outer.register(routes, { prefix: '/shop' });
  });
  expect((await rejection(listen())).message).toContain('The route POST /shop/sales');
});

it('refuses the requests of a route that was defined in another scope before', async () => {
  await app.register(routes);
  await app.register(plugin);
  await listen();
  expect((await ask(portOf(app.server), 'POST', '/sales')).status).toBe(500);
  expect(await server.products()).toEqual([]);
});

it.each([
  ['as fastify-plugin wraps it', () => app.register(unscoped).register(routes)],
  [
    'in the scope of its routes',
    () =>
      app.register(async (scope) => {
        await scope.register(sluice(database));
        await scope.register(routes);
      }),
  ],
])('gives routes their transactions: %s', async (_, register) => {
  register();
  await listen();
  expect((await ask(portOf(app.server), 'POST', '/sales')).status).toBe(500);
  expect(await server.products()).toEqual([]);
});

it('is refused a second time in one scope', async () => {
  await app.register(sluice(database));
  const error = await rejection(Promise.resolve(app.register(sluice(server.open()))));
  expect(error).toMatchObject({ code: 'INVALID_OPTION' });
  expect(error.message).toContain('registered twice in one scope');
});

it('has a database for each scope: in one beside another, and in one that is around it', async () => {
  const [ledger, archive] = [server.open(), server.open()];
  const part =
    (own: Database<'default'>) =>
    async (scope: FastifyInstance): Promise<void> => {
      await scope.register(sluice(own));
      scope.get('/', { config }, async (request) => ({
        own: own.current.inTransaction,
        outer: database.current.inTransaction,
        sameAs: request.sluice.database === own,
      }));
    };
  await app.register(sluice(database));
  app.get('/', { config }, async () => ({ outer: database.current.inTransaction }));
  await app.register(part(ledger), { prefix: '/ledger' });
  await app.register(part(archive), { prefix: '/archive' });
  await listen();
  const port = portOf(app.server);
  expect((await ask(port, 'GET', '/')).json).toEqual({ outer: true });
  for (const path of ['/ledger', '/archive'])
    expect((await ask(port, 'GET', path)).json).toEqual({ own: true, outer: false, sameAs: true });
});
