import { describe, expect, it, onTestFinished } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../src/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { openInspector, readStream } from './inspector-client.ts';

const server = useTestDatabase();
const evil = "<img src=x onerror='alert(1)'>";
const long = evil.repeat(Math.ceil(10_000_000 / evil.length));

describe('10 MB', { timeout: 60_000 }, () => {
  it('in a statement are shown cut, and the transaction knows nothing of it', async () => {
    const database = server.open();
    const open = await openInspector({ database });
    const stream = await readStream(open);
    const { promise, fire } = signal();
    let id = '';
    const working = database.transaction(
      async () => {
        const sent = database.query(`select pg_sleep(0.5), 1 as "${evil}", 2 as "${long}"`);
        await until('the statement is shown', () =>
          stream.snapshots.some(({ holders }) => holders.shown.some(({ running }) => running?.text.includes('<img'))),
        );
        id = stream.snapshots.at(-1)?.holders.shown[0]?.id ?? '';
        const { rows } = await sent;
        await promise;
        return rows;
      },
      { name: evil },
    );
    await until(
      'it waits in the program',
      () => stream.snapshots.at(-1)?.holders.shown.some(({ waitsFor }) => waitsFor.type === 'code') === true,
    );
    const history = await open.get(`/api/transactions/${id}`);
    expect(history.status).toBe(200);
    expect(history.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(history.text.length).toBeLessThan(10_000);
    for (const each of stream.snapshots) expect(JSON.stringify(each).length).toBeLessThan(20_000);
    expect(stream.snapshots.flatMap(({ holders }) => holders.shown.map(({ name }) => name))).toContain(evil);
    fire();
    expect(await working).toMatchObject([{ [evil]: 1 }]);
    stream.leave();
  });

  it('in the name of a transaction are refused before anything is sent', async () => {
    const database = server.open();
    const open = await openInspector({ database });
    const error = await rejection(database.transaction(async () => {}, { name: long }));
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error.message.length).toBeLessThan(1_000);
    expect((await open.snapshot()).holders.total).toBe(0);
  });

  it('in a payload and in the error of a job are listed cut', async () => {
    const database = server.open();
    const mail = defineQueue<string, void>('mail', { attempts: 1, maxPayload: 20_000_000 });
    const jobs = createJobs(database, { queues: { mail }, engine: memory() });
    onTestFinished(() => jobs.close({ timeout: 500 }));
    jobs.worker().handle(mail, () => Promise.reject(new Error(long)));
    const open = await openInspector({ database, jobs, payloads: true });
    await rejection((await jobs.queues.mail.push(long)).result());
    const { status, text, json } = await open.get('/api/jobs?queue=mail&state=failed&limit=10');
    expect(status).toBe(200);
    expect(json['jobs']).toMatchObject([{ queue: 'mail', error: expect.stringContaining('<img') }]);
    expect(text.length).toBeLessThan(40_000);
  });
});

describe('a database that goes away while it is watched', () => {
  it('is said to, and is shown again when it is back', { timeout: 90_000 }, async () => {
    const proxy = await startTcpProxy(server.url);
    onTestFinished(() => proxy.close());
    const clients = { default: postgres({ connectionString: proxy.url }) };
    const database = createDatabase({ clients });
    onTestFinished(() => database.close({ timeout: 500 }));
    const stream = await readStream(await openInspector({ database, sessions: true }));
    const last = (): (typeof stream.snapshots)[number] | undefined => stream.snapshots.at(-1);
    const one = async (): Promise<unknown> => (await database.query('select 1 as one')).rows;
    const commits = (): Promise<unknown> => database.transaction(one, { name: 'order' });
    expect(await commits()).toEqual([{ one: 1 }]);
    proxy.hold();
    const pending = commits().catch((error: unknown) => error);
    await until(
      'what waits for it is shown',
      () => last()?.holders.shown.some(({ name }) => name === 'order') === true,
    );
    await until('it is said to be silent', () => (last()?.problems.length ?? 0) > 0, 30_000);
    const seen = stream.snapshots.length;
    await until('it is looked on', () => stream.snapshots.length > seen + 3, 30_000);
    proxy.goOn();
    proxy.cut();
    await pending;
    // The inspector takes no part: what comes after it goes well.
    await until('it serves again', async () => (await commits().catch(() => undefined)) !== undefined, 30_000);
    await until('no problem is left', () => last()?.problems.length === 0 && last()?.holders.total === 0, 30_000);
    stream.leave();
  });
});
