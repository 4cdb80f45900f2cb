import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createContextCarrier, currentContext, type Database, withContext } from '../../src/index.ts';
import { shutdown } from '../../src/http/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { ask, sendRaw } from '../support/http-client.ts';
import { signal, until } from '../support/settled.ts';
import { kits, type Running, type Setting } from './kits.ts';

const server = useTestDatabase('create table sale (id int primary key deferrable initially deferred)');
const secret = 'a secret of the system';
const running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.close()));
});

const statementsLike = async (text: string): Promise<number> =>
  (
    await server.sql(
      'select pid from pg_stat_activity where datname = current_database() and state = $2 and query like $1 and pid <> pg_backend_pid()',
      [`%${text}%`, 'active'],
    )
  ).length;
const inTransaction = async (): Promise<number> =>
  (
    await server.sql(
      "select pid from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
    )
  ).length;

describe.each(kits.map((kit) => [kit.name, kit] as const))('%s', (_, kit) => {
  let database: Database<'default'>;
  beforeEach(() => {
    database = server.open();
  });
  const start = async (setting: Partial<Setting> = {}): Promise<Running> => {
    const made = await kit.start({ database, ...setting });
    running.push(made);
    return made;
  };

  /** No connection of the database or of a client, no transaction and no context is left. */
  const isClean = async (listener: Running['server']): Promise<void> => {
    await until('its connection is back', () => database.stats().clients.default.used === 0);
    await until('no transaction is open', async () => (await inTransaction()) === 0);
    await until('no client is connected', async () => {
      const open = new Promise<number>((resolve) => listener.getConnections((__, count) => resolve(count)));
      return (await open) === 0;
    });
    expect([currentContext().level, database.current.inTransaction]).toEqual([0, false]);
  };

  it.each([
    [200, [7]],
    [201, [7]],
    [404, []],
    [409, []],
    [500, []],
  ])('an answer with status %s leaves %j', async (status, left) => {
    const { port } = await start({
      async work(id) {
        await insert(database, id);
        return status;
      },
    });
    const answer = await ask(port, 'POST', '/orders/7');
    expect(answer).toMatchObject({ status, json: { id: 7 } });
    expect(answer.headers['x-handler']).toBe('yes');
    expect(await server.products()).toEqual(left);
  });

  it('is committed when the answer comes, whichever way it is given', async () => {
    const { port } = await start();
    for (const path of ['/returned', '/later', '/plain', '/awaited', '/stream/10']) {
      const { status, text } = await ask(port, 'POST', path);
      expect([path, status]).toEqual([path, 200]);
      expect(text).toContain(path === '/stream/10' ? 'x'.repeat(200) : path.slice(1));
      expect(await server.products(), path).toEqual([1]);
      await server.sql('delete from product');
    }
    expect(await inTransaction()).toBe(0);
  });

  it('chooses by its option which statuses roll back', async () => {
    const { port } = await start({
      route: { rollbackOnStatus: (status) => status === 200 },
      async work(id) {
        await insert(database, id);
        return id === 1 ? 200 : 409;
      },
    });
    expect((await ask(port, 'POST', '/orders/1')).status).toBe(200);
    expect((await ask(port, 'POST', '/orders/2')).status).toBe(409);
    expect(await server.products()).toEqual([2]);
  });

  it('rolls back for an error, of which the client learns nothing', async () => {
    const { port } = await start({
      async work(id) {
        await insert(database, id);
        throw new Error('a secret of the house');
      },
    });
    const answer = await ask(port, 'POST', '/orders/1');
    expect(answer).toMatchObject({ status: 500, json: { code: 'INTERNAL_ERROR', title: 'Internal Server Error' } });
    expect(answer.text).not.toContain('secret');
    expect(answer.headers['x-handler']).toBeUndefined();
    expect(await server.products()).toEqual([]);
  });

  it('answers for a COMMIT that fails, and not what the handler said', async () => {
    const { port } = await start({
      async work(id) {
        await database.query('insert into sale (id) values ($1), ($1)', [id]);
        return 201;
      },
    });
    const answer = await ask(port, 'POST', '/orders/1');
    expect(answer).toMatchObject({ status: 500, json: { code: 'INTERNAL_ERROR' } });
    expect(answer.text).not.toMatch(/sale|duplicate/);
    expect(answer.headers['x-handler']).toBeUndefined();
    expect(answer.headers['content-length'] ?? String(answer.text.length)).toBe(String(answer.text.length));
    expect(await server.sql('select * from sale')).toEqual([]);
    expect((await ask(port, 'GET', '/context')).status).toBe(200);
  });

  it('cancels on the server when the client leaves, and rolls back', async () => {
    const begun = signal();
    const { port } = await start({
      async work(id) {
        await insert(database, id);
        begun.fire();
        await database.query('select pg_sleep(61)');
        return 200;
      },
    });
    const sent = ask(port, 'POST', '/orders/1');
    sent.catch(() => {});
    await begun.promise;
    await until('the statement runs', async () => (await statementsLike('pg_sleep(61)')) === 1);
    sent.leave();
    await until('it is cancelled', async () => (await statementsLike('pg_sleep(61)')) === 0, 2_000);
    await until('its connection is back', () => database.stats().clients.default.used === 0);
    // A connection that is cut, since the server has not answered in time, ends on the server a little later.
    await until('no transaction is open', async () => (await inTransaction()) === 0);
    expect(await server.products()).toEqual([]);
  });

  it('answers 504 at its deadline', async () => {
    const { port } = await start({
      options: { timeout: 150 },
      async work(id) {
        await insert(database, id);
        await database.query('select pg_sleep(60)');
        return 200;
      },
    });
    expect(await ask(port, 'POST', '/orders/1')).toMatchObject({ status: 504, json: { code: 'DEADLINE_EXCEEDED' } });
    expect(await server.products()).toEqual([]);
  });

  it('answers 408 while the request is still coming, and leaves nothing open', async () => {
    const { port, server: listener } = await start({ route: { timeout: 150 } });
    const { closed } = await sendRaw(
      port,
      'POST /upload HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-upload\r\ncontent-length: 100000\r\n\r\nabc',
    );
    const answer = await closed;
    expect(answer).toContain('HTTP/1.1 408 Request Timeout');
    expect(answer).toContain('TRANSACTION_TIMEOUT');
    await isClean(listener);
    expect(await server.products()).toEqual([]);
  });

  it.each([
    ['/stream/100000', 'more than maxHeld'],
    ['/events', 'a stream of events'],
  ])('%s (%s) is refused, and rolled back', async (path) => {
    const { port } = await start({ route: { maxHeld: 10_000 } });
    const answer = await ask(port, 'POST', path);
    expect(answer).toMatchObject({ status: 500, json: { code: 'RESPONSE_NOT_HELD' } });
    expect(await server.products()).toEqual([]);
    await until('its connection is back', () => database.stats().clients.default.used === 0);
    expect((await ask(port, 'POST', '/returned')).status).toBe(200);
  });

  it('takes the context of the caller, refuses one that is forged, replayed, double or joined, and leaves nothing open', async () => {
    const { port, server: listener } = await start({ options: { secret } });
    const inject = (): Record<string, string> =>
      withContext({ tenant: 'acme' }, () =>
        createContextCarrier(database, { secret }).injectContext<Record<string, string>>({}),
      );
    const good = inject();
    expect((await ask(port, 'GET', '/context', good)).json).toMatchObject({ tenant: 'acme' });
    const refused: [Record<string, string | string[]>, number][] = [
      [good, 401],
      [{ ...inject(), 'sluice-signature': '0'.repeat(64) }, 401],
      [{ ...inject(), 'sluice-context': [inject()['sluice-context'] ?? '', 'A'] }, 400],
      [{ ...inject(), 'sluice-context': `${inject()['sluice-context'] ?? ''}, A` }, 400],
      [{ ...inject(), 'sluice-timeout': ['5', '6'] }, 400],
      [{ 'sluice-test': 'forged' }, 400],
    ];
    for (const [headers, status] of refused) {
      const answer = await ask(port, 'GET', '/context', headers);
      expect(answer).toMatchObject({ status, json: { code: 'INVALID_CONTEXT' } });
    }
    // Node.js itself has a limit; it may close the connection before all is sent.
    const large = await ask(port, 'GET', '/context', { 'sluice-context': 'A'.repeat(100_000) }).catch(() => undefined);
    expect(large?.status ?? 431).toBe(431);
    const { closed } = await sendRaw(port, 'GET /context HTTP/1.1\r\nhost: x\r\nsluice-context: a\rb\r\n\r\n');
    expect(await closed).toContain('400 Bad Request');
    expect((await ask(port, 'GET', '/context')).status).toBe(200);
    await isClean(listener);
  });

  it('answers 200 requests at once on one connection', async () => {
    const narrow = await server.connect({ max: 1 });
    const { port } = await start({
      database: narrow,
      async work(id) {
        await insert(narrow, id);
        return 201;
      },
    });
    const answers = await Promise.all(Array.from({ length: 200 }, (__, id) => ask(port, 'POST', `/orders/${id}`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect((await server.products()).length).toBe(200);
  });

  it('is shut down under load without a request that fails', async () => {
    const mayEnd = signal();
    let count = 0;
    const { port, server: listener } = await start({
      async work(id) {
        count += 1;
        await mayEnd.promise;
        await insert(database, id);
        return 201;
      },
    });
    const sent = Array.from({ length: 40 }, (__, id) => ask(port, 'POST', `/orders/${id}`));
    await until('all are connected, and some under way', async () => {
      const open = await new Promise<number>((resolve, reject) =>
        listener.getConnections((error, found) => (error === null ? resolve(found) : reject(error))),
      );
      return open === 40 && count > 0;
    });
    const order: string[] = [];
    const jobs = { close: async () => void order.push(`jobs after ${count}`) };
    const relay = { stop: async () => void order.push('relay') };
    const stopped = shutdown(database, { server: listener, jobs, relay });
    // The signal has come once more.
    const again = shutdown(database, { server: listener, jobs, relay });
    await until('no connection is accepted', () => !listener.listening);
    mayEnd.fire();
    await Promise.all([stopped, again, ...sent]);
    expect(new Set((await Promise.all(sent)).map(({ status }) => status))).toEqual(new Set([201]));
    expect(order).toEqual(['jobs after 40', 'relay']);
    await expect(ask(port, 'GET', '/context')).rejects.toThrow();
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'DATABASE_CLOSED' });
  });
});
