import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { channelNames, createContextCarrier, currentContext, type Database, withContext } from '../../src/index.ts';
import {
  createHttpContext,
  disconnectSignal,
  type HttpContextOptions,
  httpStatusOf,
  problemOf,
  type RequestContext,
  routeTransaction,
  type RouteTransactionOptions,
} from '../../src/http/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { ask, listening } from '../support/http-client.ts';
import { signal, until } from '../support/settled.ts';

const server = useTestDatabase('create table sale (id int primary key deferrable initially deferred)');
const secret = 'a secret of the system';
const opened: Server[] = [];
afterEach(async () => {
  await Promise.all(
    opened.splice(0).map((each) => new Promise((resolve) => each.close(resolve).closeAllConnections())),
  );
});

type Handler = (context: RequestContext, request: IncomingMessage) => unknown;

/** A server that answers with what the handler gives. */
async function serve(
  database: Database<'default'>,
  handler: Handler,
  options: HttpContextOptions<IncomingMessage> = {},
): Promise<number> {
  const contexts = createHttpContext(database, options);
  const listener: RequestListener = (request, response) => {
    const received = { headers: request.headers, signal: disconnectSignal(response) };
    contexts
      .run(request, received, async (context) => await handler(context, request))
      .then(
        (value) => response.end(JSON.stringify(value ?? {})),
        (error: unknown) => {
          const { status, headers, body } = problemOf(error);
          response.writeHead(status, headers).end(JSON.stringify(body));
        },
      );
  };
  const made = createServer({ maxHeaderSize: 512 * 1024 }, listener);
  opened.push(made);
  return await listening(made);
}

describe('the context of a request', () => {
  const carry = (database: Database<'default'>): Record<string, string> =>
    withContext({ tenant: 'acme', timeout: 60_000 }, () =>
      createContextCarrier(database, { secret }).injectContext<Record<string, string>>({}),
    );

  it('is that of the headers, with the limits of the server', async () => {
    const database = server.open();
    const port = await serve(database, () => currentContext(), { secret, timeout: 5_000 });
    const { json } = await ask(port, 'GET', '/', carry(database));
    expect(json).toMatchObject({ tenant: 'acme', level: 0 });
    expect(json['remaining']).toBeGreaterThan(0);
    expect(json['remaining']).toBeLessThanOrEqual(5_000);
    const { json: short } = await ask(port, 'GET', '/', { 'sluice-timeout': '3000' });
    expect(short['remaining']).toBeLessThanOrEqual(3_000);
    expect(short['tenant']).toBeUndefined();
  });

  it('has the tenant that the server finds', async () => {
    const database = server.open();
    const tenant = ({ url = '' }: IncomingMessage): string | undefined => url.slice(1) || undefined;
    const port = await serve(database, () => currentContext(), { secret, tenant });
    expect((await ask(port, 'GET', '/shop', carry(database))).json).toMatchObject({ tenant: 'shop' });
    expect((await ask(port, 'GET', '/', carry(database))).json).toMatchObject({ tenant: 'acme' });
    expect(await ask(port, 'GET', `/${'x'.repeat(300)}`)).toMatchObject({ status: 400 });
  });

  describe('is refused', () => {
    const context = 'sluice-context';
    it.each<[string, (good: Record<string, string>) => Record<string, string | string[]>, number]>([
      ['with a wrong signature', (good) => ({ ...good, 'sluice-signature': 'a'.repeat(64) }), 401],
      ['with another content', (good) => ({ ...good, [context]: `${good[context] ?? ''}A` }), 401],
      ['without its signature', ({ [context]: body = '' }) => ({ [context]: body }), 400],
      ['that came twice', (good) => ({ ...good, [context]: [good[context] ?? '', good[context] ?? ''] }), 400],
      ['that was joined', (good) => ({ ...good, [context]: `${good[context] ?? ''}, ${good[context] ?? ''}` }), 400],
      ['of 100 kB', (good) => ({ ...good, [context]: 'A'.repeat(100 * 1024) }), 400],
      ['with two timeouts', (good) => ({ ...good, 'sluice-timeout': ['1000', '2000'] }), 400],
      ['with a timeout that is none', (good) => ({ ...good, 'sluice-timeout': 'soon' }), 400],
      ['with a signature that is none', (good) => ({ ...good, 'sluice-signature': 'é' }), 400],
      ['of a test', (good) => ({ ...good, 'sluice-test': 'abc' }), 400],
    ])('%s', async (_, change, status) => {
      const database = server.open();
      const port = await serve(database, () => currentContext(), { secret });
      const answer = await ask(port, 'GET', '/', change(carry(database)));
      expect(answer).toMatchObject({ status, json: { status, code: 'INVALID_CONTEXT' } });
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect((await ask(port, 'GET', '/')).status).toBe(200);
    });

    it('that comes for the second time', async () => {
      const database = server.open();
      const port = await serve(database, () => currentContext(), { secret });
      const headers = carry(database);
      expect((await ask(port, 'GET', '/', headers)).status).toBe(200);
      expect((await ask(port, 'GET', '/', headers)).status).toBe(401);
    });

    it('with line breaks, where a framework lets them through', async () => {
      const contexts = createHttpContext(server.open(), { secret });
      const headers = { 'sluice-context': 'abc\r\nsluice-timeout: 1', 'sluice-signature': 'a'.repeat(64) };
      const refused = contexts.run({}, { headers, signal: new AbortController().signal }, () => 1);
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_CONTEXT' });
    });
  });

  it('is over before it begins', async () => {
    const database = server.open();
    const port = await serve(database, () => currentContext());
    expect(await ask(port, 'GET', '/', { 'sluice-timeout': '0' })).toMatchObject({ status: 504 });
  });
});

describe('a transaction of a route', () => {
  const route = async (
    database: Database<'default'>,
    body: (context: RequestContext) => Promise<{ status: number; value: unknown }>,
    options?: RouteTransactionOptions,
  ): Promise<number> =>
    await serve(database, async (context) => await routeTransaction(context, () => body(context), options));

  it.each([
    [200, undefined, [1]],
    [302, undefined, [1]],
    [404, undefined, []],
    [500, undefined, []],
    [409, (status: number) => status >= 500, [1]],
  ])('of an answer of %s, with rollbackOnStatus %s', async (status, rollbackOnStatus, left) => {
    const database = server.open();
    const port = await route(
      database,
      async () => {
        await insert(database, 1);
        return { status, value: { answered: status } };
      },
      { rollbackOnStatus },
    );
    expect((await ask(port, 'POST', '/')).json).toEqual({ answered: status });
    expect(await server.products()).toEqual(left);
  });

  it('whose COMMIT fails has no answer of the handler', async () => {
    const database = server.open();
    const port = await route(database, async () => {
      await database.query('insert into sale (id) values (1), (1)');
      return { status: 200, value: 'sold' };
    });
    const answer = await ask(port, 'POST', '/');
    expect(answer).toMatchObject({ status: 500, json: { code: 'INTERNAL_ERROR' } });
    expect(answer.text).not.toMatch(/sale|duplicate|key/);
  });

  it('keeps its answer when a commit hook fails, which is told in the background', async () => {
    const database = server.open();
    const port = await route(database, async () => {
      await insert(database, 1);
      database.current.afterCommit(() => {
        throw new Error('no mail');
      });
      return { status: 201, value: { sold: true } };
    });
    const told: unknown[] = [];
    const onError = (event: unknown): void => void told.push(event);
    subscribe(channelNames.backgroundError, onError);
    expect((await ask(port, 'POST', '/')).json).toEqual({ sold: true });
    unsubscribe(channelNames.backgroundError, onError);
    expect(told).toMatchObject([{ source: 'request', error: { code: 'AFTER_COMMIT' } }]);
    expect(await server.products()).toEqual([1]);
  });

  it('is cancelled on the server when the client goes away, and rolled back', async () => {
    const database = server.open();
    const begun = signal();
    const ended = signal();
    let error: unknown;
    const port = await serve(database, async (context) => {
      try {
        return await routeTransaction(context, async () => {
          await insert(database, 1);
          begun.fire();
          await database.query('select pg_sleep(60)');
          return { status: 200, value: 1 };
        });
      } catch (thrown) {
        error = thrown;
        throw thrown;
      } finally {
        ended.fire();
      }
    });
    const sent = ask(port, 'POST', '/');
    sent.catch(() => {});
    await begun.promise;
    const sleeping = async (): Promise<number> =>
      (
        await server.sql(
          `select pid from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()`,
        )
      ).length;
    await until('it sleeps', async () => (await sleeping()) === 1);
    sent.leave();
    await until('it is cancelled', async () => (await sleeping()) === 0, 1_000);
    await ended.promise;
    expect(error).toMatchObject({ code: 'CLIENT_DISCONNECTED' });
    expect(httpStatusOf(error)).toBe(499);
    expect(await server.products()).toEqual([]);
    expect(database.stats().clients.default).toMatchObject({ used: 0 });
  });

  it('that is over in time is a 504', async () => {
    const database = server.open();
    const port = await serve(
      database,
      async (context) =>
        await routeTransaction(context, async () => {
          await database.query('select pg_sleep(60)');
          return { status: 200, value: 1 };
        }),
      { timeout: 100 },
    );
    expect(await ask(port, 'POST', '/')).toMatchObject({ status: 504, json: { code: 'DEADLINE_EXCEEDED' } });
  });
});
