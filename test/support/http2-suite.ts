import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { engine, insert, type TestDatabase } from './database.ts';
import { until } from './settled.ts';

/** Starts a server with POST /orders/:id, which does `work` in the transaction of the route and answers with its result. */
export type StartHttp2 = (setting: {
  readonly database: Database<'default'>;
  readonly work: (id: number) => Promise<number>;
}) => Promise<{ readonly port: number; readonly close: () => Promise<unknown> }>;

/** The schema that the suite needs. */
export const http2Schema = 'create table sale (id int primary key deferrable initially deferred)';
const inTime = { propagation: 'REQUIRES_NEW', timeout: 50 } as const;
const sleep = engine.sql.sleep(30);

/** What routes with a transaction do on HTTP/2, whatever the framework. */
export function describeHttp2(server: TestDatabase, start: StartHttp2): void {
  const ends: (() => unknown)[] = [];
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  async function open(): Promise<{ readonly database: Database<'default'>; readonly session: ClientHttp2Session }> {
    const database = await server.connect({ max: 2 });
    const work = async (id: number): Promise<number> => {
      await insert(database, id);
      if (id === 5) await database.query('insert into sale (id) values (1), (1)');
      if (id === 6) await database.query(sleep);
      if (id === 7) await database.transaction(() => database.query(sleep), inTime);
      return id === 9 ? 409 : 201;
    };
    const { port, close } = await start({ database, work });
    const session = connect(`http://127.0.0.1:${port}`);
    ends.push(() => session.destroy(), close);
    return { database, session };
  }
  const isOver = async (database: Database<'default'>): Promise<void> => {
    await until('the statement is cancelled', async () => (await server.running(sleep)) === 0);
    await until('its connection is back', () => database.stats().clients.default.used === 0);
    expect(await server.products()).toEqual([]);
  };

  it('commits before the answer, and rolls back for a status from 400', async () => {
    process.on('warning', onWarning);
    const { session } = await open();
    expect(await ask(session, 1)).toMatchObject({ status: 201, text: expect.stringContaining('1') });
    expect(await ask(session, 9)).toMatchObject({ status: 409 });
    const answers = await Promise.all(Array.from({ length: 30 }, (_, at) => ask(session, 100 + at)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(await server.products()).toEqual([1, ...answers.map((_, at) => 100 + at)]);
  });

  it('answers for a COMMIT that fails, without warnings', async () => {
    const { session } = await open();
    const { status, text } = await ask(session, 5);
    expect([status, text]).toEqual([500, expect.not.stringMatching(/sale|duplicate/)]);
    expect(await server.products()).toEqual([]);
    process.off('warning', onWarning);
    expect(warnings.filter(({ name }) => name === 'UnsupportedWarning')).toEqual([]);
  });

  it('answers 504 at a deadline, and not 408, when the request has come whole', async () => {
    const { session } = await open();
    expect(await ask(session, 7)).toMatchObject({ status: 504 });
    expect(await server.products()).toEqual([]);
  });

  it('rolls back for a stream that is reset while its body is not read', async () => {
    const { database, session } = await open();
    const stream = session.request({
      ':method': 'POST',
      ':path': '/orders/6',
      'content-type': 'application/x-upload',
    });
    stream.on('error', () => {});
    stream.write('x'.repeat(30_000));
    await until('the statement runs', async () => (await server.running(sleep)) === 1);
    stream.close(8);
    await isOver(database);
  });

  it.each<[string, (stream: ClientHttp2Stream, session: ClientHttp2Session) => void]>([
    ['a stream that is reset', (stream) => stream.close(8)],
    ['a session that ends', (_, session) => session.destroy()],
    ['a connection that breaks', (_, session) => session.socket?.destroy()],
  ])('rolls back for %s', async (_, leave) => {
    const { database, session } = await open();
    session.on('error', () => {});
    const stream = send(session, 6);
    await until('the statement runs', async () => (await server.running(sleep)) === 1);
    leave(stream, session);
    await isOver(database);
  });
}

function send(session: ClientHttp2Session, id: number): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': `/orders/${id}` });
  stream.on('error', () => {});
  return stream.end();
}

/** Sends a request, and gives its answer. */
export async function ask(session: ClientHttp2Session, id: number): Promise<{ status: unknown; text: string }> {
  const stream = send(session, id);
  const headers = once(stream, 'response');
  let text = '';
  stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const [[head]] = await Promise.all([headers, once(stream, 'close')]);
  return { status: (head as { ':status': unknown })[':status'], text };
}
