import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpContext, disconnectSignal, problemOf, routeTransaction } from '../../src/http/index.ts';
import { createContextCarrier, currentContext, withContext } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { listening } from '../support/http-client.ts';
import { type Kit, kits, type Running } from './kits.ts';
import { closesUnderLoad, keptAlive } from './closing-suite.ts';

const server = useTestDatabase();
const secret = 'a secret of the system';
const running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.close()));
});

/** A server without a framework. */
const plainKit: Kit = {
  name: 'node:http',
  async start({ database, options = {}, work }) {
    const contexts = createHttpContext(database, options);
    const made = createServer((incoming, response) => {
      const id = Number(incoming.url?.split('/').at(-1));
      const received = { headers: incoming.headers, signal: disconnectSignal(response) };
      const answer = (status: number, value: unknown): void =>
        void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
      contexts
        .run(incoming, received, async (context) => {
          if (incoming.url === '/context') return answer(200, currentContext());
          const status = await routeTransaction(context, async () => {
            const value = (await work?.(id)) ?? 200;
            return { status: value, value };
          });
          answer(status, { id });
        })
        .catch((error: unknown) => {
          const { status, body } = problemOf(error);
          answer(status, body);
        });
    });
    const port = await listening(made);
    const close = async (): Promise<void> => {
      const ended = new Promise<void>((resolve) => made.close(() => resolve()));
      made.closeAllConnections();
      await ended;
    };
    return { server: made, port, app: undefined, close };
  },
};

describe.each([...kits, plainKit].map((kit) => [kit.name, kit] as const))('%s', (_, kit) => {
  it('serves no request that comes after close(), and answers those that came before', async () => {
    const database = server.open({ max: 4 });
    const started = await kit.start({
      database,
      async work(id) {
        await insert(database, id);
        // For as long as others need to come in.
        await database.query('select pg_sleep(0.01)');
        return 201;
      },
    });
    running.push(started);
    await closesUnderLoad({ database, port: started.port, products: () => server.products() });
  });

  it('gives no request anything of another on its connection', async () => {
    const database = server.open({ max: 4 });
    const started = await kit.start({ database, options: { secret }, work: async () => 201 });
    running.push(started);
    const outside: unknown[] = [];
    started.server.prependListener('request', () => outside.push(currentContext()));
    const { injectContext } = createContextCarrier(database, { secret });
    const agent = keptAlive(2);
    const ask = async (path: string, headers: Record<string, string> = {}): Promise<Record<string, unknown>> =>
      JSON.parse((await agent.ask(started.port, 'GET', path, headers)).text) as Record<string, unknown>;
    const asked = Array.from({ length: 60 }, async (__, at) => {
      if (at % 3 === 0) return expect(await ask('/context')).toEqual({ level: 0 });
      if (at % 3 === 1) return expect(await ask(`/orders/${at}`)).toEqual({ id: at });
      const headers: Record<string, string> = {};
      const inject = async (): Promise<void> => {
        await database.query('select 1');
        injectContext(headers);
      };
      await withContext({ tenant: `tenant ${at}`, timeout: 60_000 }, () =>
        at % 2 === 0 ? inject() : database.transaction(inject),
      );
      const { remaining, ...context } = await ask('/context', headers);
      expect(context).toEqual({ level: at % 2, tenant: `tenant ${at}` });
      expect(remaining).toBeGreaterThan(0);
    });
    await Promise.all(asked);
    agent.end();
    expect(outside).toEqual(Array.from({ length: 60 }, () => ({ level: 0 })));
  });
});
