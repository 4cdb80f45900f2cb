// What idempotent routes do, whatever the framework.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteIdempotencyOptions } from '../../src/http/index.ts';
import type { Database } from '../../src/index.ts';
import { createIdempotencyTables } from '../../src/ports/idempotency/index.ts';
import { useTestDatabase } from './database.ts';
import { signal, until } from './settled.ts';

/** What a handler is asked for. */
export interface Asked {
  readonly id: number;
  readonly status?: number;
  /** Bytes of the answer. */
  readonly size?: number;
  readonly fails?: 'handler' | 'commit';
}

/** What the handlers of a server do. */
export interface Shop {
  readonly database: Database<'default'>;
  /** Those of /orders, which keeps answers with statuses below 500. */
  readonly options: RouteIdempotencyOptions;
  /** Has the effect of a request, and gives the answer. */
  work(asked: Asked): Promise<{ readonly status: number; readonly body: string }>;
}

/**
 * A server with POST /orders, /refunds and /optional, whose answers are of the type `text/x-order` and have the headers `x-order`,
 * and a cookie; what is before a route sets `x-request-id` to that of the request. The tenant is the header `x-tenant`.
 */
export interface ShopKit {
  readonly name: string;
  start(shop: Shop): Promise<{ readonly url: string; close(): Promise<void> }>;
}

/** How an answer looks that was given. */
interface Given {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: string;
}

const key = (value: string): Record<string, string> => ({ 'idempotency-key': value });

export function describeIdempotentRoutes(kit: ShopKit): void {
  const server = useTestDatabase();
  let database: Database<'default'>;
  let running: Awaited<ReturnType<ShopKit['start']>>;
  let runs: number;
  let requests = 0;
  let held: Promise<void> | undefined;

  beforeEach(async () => {
    database = server.open({ max: 2 });
    await createIdempotencyTables(database.current);
    await server.sql('delete from sluice_idempotency');
    [runs, held] = [0, undefined];
    running = await kit.start({
      database,
      options: { timeout: 500, maxAnswerBytes: 10_000 },
      async work({ id, status = 201, size = 0, fails }) {
        runs += 1;
        await database.query('insert into product (id) values ($1)', [id]);
        await held;
        if (fails === 'handler') throw new Error('a secret');
        if (fails === 'commit') database.current.beforeCommit(() => Promise.reject(new Error('a secret')));
        return { status, body: `${runs}: ${id} ü ${'x'.repeat(size)}` };
      },
    });
  });
  afterEach(() => running.close());

  async function post(path: string, asked: Asked, headers: Record<string, string> = {}): Promise<Given> {
    requests += 1;
    const response = await fetch(`${running.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': String(requests), ...headers },
      body: JSON.stringify(asked),
    });
    const bytes = Buffer.from(await response.arrayBuffer()).toString('latin1');
    return { status: response.status, headers: response.headers, bytes };
  }

  const rows = async (): Promise<number> => (await server.sql('select id from sluice_idempotency')).length;
  const problem = async (answer: Promise<Given>): Promise<unknown> => {
    const { status, headers, bytes } = await answer;
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(bytes).not.toContain('secret');
    return [status, (JSON.parse(bytes) as { code: string }).code];
  };

  describe(`an idempotent route of ${kit.name}`, () => {
    it('runs once for a key, and answers with the same bytes each time', async () => {
      const first = await post('/orders', { id: 1 }, key('one'));
      expect([first.status, first.bytes.slice(0, 5)]).toEqual([201, '1: 1 ']);
      expect(first.headers.get('idempotency-replayed')).toBeNull();
      expect(first.headers.getSetCookie()).toHaveLength(1);
      for (const again of [key('one'), key('"one"')]) {
        const second = await post('/orders', { id: 1 }, again);
        expect([second.status, second.bytes]).toEqual([first.status, first.bytes]);
        for (const name of ['content-type', 'x-order', 'content-length'])
          expect([name, second.headers.get(name)]).toEqual([name, first.headers.get(name)]);
        expect(second.headers.get('idempotency-replayed')).toBe('true');
        // A cookie is not given again, and what is before the route is of this request.
        expect(second.headers.getSetCookie()).toEqual([]);
        expect(second.headers.get('x-request-id')).toBe(String(requests));
      }
      expect(await server.products()).toEqual([1]);
    });

    it('refuses the key of another request', async () => {
      await post('/orders', { id: 1 }, key('one'));
      expect(await problem(post('/orders', { id: 2 }, key('one')))).toEqual([422, 'IDEMPOTENCY_CONFLICT']);
      expect(await problem(post('/orders?x=1', { id: 1 }, key('one')))).toEqual([422, 'IDEMPOTENCY_CONFLICT']);
      expect(await server.products()).toEqual([1]);
    });

    it('refuses requests without a key, and with what is none', async () => {
      const odd = [
        '',
        ' ',
        '""',
        '"a',
        'a b',
        'a, b',
        '"a", "b"',
        'k'.repeat(256),
        'k'.repeat(10_000),
        'a\tb',
        '\u00e4',
      ];
      for (const headers of [{}, ...odd.map(key)]) {
        expect(await problem(post('/orders', { id: 1 }, headers))).toEqual([400, 'IDEMPOTENCY_KEY']);
      }
      expect([runs, await rows()]).toEqual([0, 0]);
      expect((await post('/orders', { id: 1 }, key('k'.repeat(255)))).status).toBe(201);
    });

    it('may go without a key where it says so, but not with an empty one', async () => {
      await post('/optional', { id: 1 });
      await post('/optional', { id: 2 });
      await post('/optional', { id: 3 }, key('one'));
      expect((await post('/optional', { id: 3 }, key('one'))).headers.get('idempotency-replayed')).toBe('true');
      expect(await problem(post('/optional', { id: 4 }, key('')))).toEqual([400, 'IDEMPOTENCY_KEY']);
      expect([await server.products(), await rows()]).toEqual([[1, 2, 3], 1]);
    });

    it('has keys apart from those of other routes and of other tenants', async () => {
      await post('/orders', { id: 1 }, key('one'));
      await post('/refunds', { id: 2 }, key('one'));
      await post('/orders', { id: 3 }, { ...key('one'), 'x-tenant': 'acme' });
      await post('/orders', { id: 4 }, { ...key('one'), 'x-tenant': 'other' });
      expect((await post('/orders', { id: 3 }, { ...key('one'), 'x-tenant': 'acme' })).bytes).toContain('3: 3');
      expect(await server.products()).toEqual([1, 2, 3, 4]);
    });

    it('waits for the first request, up to its time', async () => {
      const ending = signal();
      held = ending.promise;
      const first = post('/orders', { id: 1 }, key('one'));
      await until('the first runs', () => runs === 1);
      const tooEarly = await post('/orders', { id: 1 }, key('one'));
      expect([tooEarly.status, tooEarly.headers.get('retry-after')]).toEqual([409, '1']);
      expect(tooEarly.bytes).toContain('IDEMPOTENCY_IN_PROGRESS');
      const second = post('/orders', { id: 1 }, key('one'));
      ending.fire();
      expect((await second).bytes).toBe((await first).bytes);
      expect(runs).toBe(1);
    });

    it('keeps no answer that rolls back, so that the request may come again', async () => {
      for (const asked of [
        { id: 1, fails: 'handler' },
        { id: 1, fails: 'commit' },
        { id: 1, size: 20_000 },
        { id: 1, status: 503 },
      ] as const) {
        const before = runs;
        for (const _ of [1, 2]) {
          const { status, headers, bytes } = await post('/orders', asked, key('one'));
          expect([status, headers.get('idempotency-replayed')]).toEqual(['status' in asked ? 503 : 500, null]);
          expect(bytes).not.toContain('secret');
        }
        expect([runs - before, await server.products(), await rows()]).toEqual([2, [], 0]);
      }
      expect((await post('/orders', { id: 1 }, key('one'))).status).toBe(201);
    });

    it('keeps an answer with a status that commits, and one without a body', async () => {
      for (const [id, status] of [
        [1, 422],
        [2, 204],
      ] as const) {
        const first = await post('/orders', { id, status }, key(String(id)));
        const second = await post('/orders', { id, status }, key(String(id)));
        expect([first.status, second.status]).toEqual([status, status]);
        expect([second.bytes, second.headers.get('idempotency-replayed')]).toEqual([first.bytes, 'true']);
      }
      expect([runs, await server.products()]).toEqual([2, [1, 2]]);
    });

    it('runs once for thirty requests at once, on a pool of two', async () => {
      const answers = await Promise.all(Array.from({ length: 30 }, () => post('/orders', { id: 1 }, key('one'))));
      expect(new Set(answers.map(({ status, bytes }) => `${status} ${bytes}`)).size).toBe(1);
      expect([runs, answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)]).toMatchObject([
        1,
        { length: 1 },
      ]);
    });
  });
}
