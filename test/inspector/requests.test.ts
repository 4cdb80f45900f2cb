import { describe, expect, it } from 'vitest';
import { startInspector } from '../../src/inspector/index.ts';
import { ask, sendRaw as send } from '../support/http-client.ts';
import { rejection, until } from '../support/settled.ts';
import { useTestDatabase } from '../support/database.ts';
import { openInspector, readStream } from './inspector-client.ts';

const server = useTestDatabase();

const sendRaw = async (port: number, text: string): Promise<string> => (await send(port, text)).closed;

describe('a request to the inspector', () => {
  it('is refused without the token, with another one, and with the token in another place', async () => {
    const { port, token, get } = await openInspector({ database: server.open() });
    const host = `127.0.0.1:${port}`;
    for (const path of ['/api/snapshot', '/api/stream', '/api/transactions/a-1']) {
      expect((await ask(port, 'GET', path, { host })).status).toBe(401);
      expect((await ask(port, 'GET', `${path}?token=${token}`, { host })).status).toBe(401);
      expect((await ask(port, 'GET', path, { host, cookie: `token=${token}` })).status).toBe(401);
      expect((await ask(port, 'GET', path, { host, authorization: token })).status).toBe(401);
      expect((await ask(port, 'GET', path, { host, authorization: `Bearer ${token}x` })).status).toBe(401);
      expect((await ask(port, 'GET', path, { host, authorization: `Bearer ${token.slice(1)}` })).status).toBe(401);
    }
    expect((await get('/api/snapshot')).status).toBe(200);
  });

  it('is refused for another host, and from the page of another origin', async () => {
    const { port, get } = await openInspector({ database: server.open(), allowedHosts: ['ops.example'] });
    const refused: Record<string, string>[] = [
      { host: 'evil.example' },
      { host: `evil.example:${port}` },
      { host: '127.0.0.1:1' },
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${port}.evil.example` },
    ];
    for (const headers of refused) {
      for (const path of ['/', '/api/snapshot', '/api/stream'])
        expect([403, 421]).toContain((await get(path, headers)).status);
    }
    expect(await sendRaw(port, 'GET /api/snapshot HTTP/1.0\r\n\r\n')).toContain('421');
    expect((await get('/api/snapshot', { host: 'ops.example', origin: 'https://ops.example' })).status).toBe(200);
    expect((await get('/api/snapshot', { origin: `http://127.0.0.1:${port}` })).status).toBe(200);
    expect((await get('/api/snapshot', { host: `localhost:${port}` })).status).toBe(200);
  });

  it('is taken under an allowed name on any port, or on the one that is said with it', async () => {
    const allowedHosts = ['ops.example', 'shop.example:81', '[2001:db8::1]'];
    const { get } = await openInspector({ database: server.open(), allowedHosts });
    const statusOf = async (host: string): Promise<number | undefined> =>
      (await get('/api/snapshot', { host, origin: `https://${host}` })).status;
    for (const host of ['ops.example', 'OPS.example:8080', 'shop.example:81', '[2001:db8::1]:8080'])
      expect([host, await statusOf(host)]).toEqual([host, 200]);
    for (const host of [
      'shop.example',
      'shop.example:82',
      'ops.example.evil.example:80',
      'ops.example:',
      'x.ops.example',
    ])
      expect([host, await statusOf(host)]).toEqual([host, 421]);
  });

  it.each(['https://ops.example.com/', 'https://ops.example.com', 'ops.example.com/', 'ops.example.com:web', ''])(
    'is not awaited under what is no name of a host: "%s"',
    async (host) => {
      const refused = await rejection(startInspector(server.open(), { allowedHosts: [host] }));
      expect(refused).toMatchObject({ code: 'INVALID_OPTION' });
      expect(refused.message).toContain('no https://');
    },
  );

  it('is answered so that a browser shows it in no frame, keeps it nowhere and runs nothing inline', async () => {
    const { get } = await openInspector({ database: server.open() });
    for (const path of ['/', '/api/snapshot', '/nothing']) {
      const { headers } = await get(path);
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe');
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
      });
    }
    expect((await get('/')).headers['content-type']).toContain('text/html');
  });

  it('is bounded in its URL, its head, its body and its time', async () => {
    const { port, get, snapshot } = await openInspector({ database: server.open() });
    expect((await get(`/${'a'.repeat(3_000)}`)).status).toBe(414);
    expect((await get('/', { 'x-long': 'a'.repeat(9_000) })).status).toBe(431);
    const head = `POST /api/jobs/mail/1/retry HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n`;
    expect(await sendRaw(port, `${head}content-length: 10000000\r\n\r\n`)).toContain(' 413 ');
    expect(await sendRaw(port, `${head}transfer-encoding: chunked\r\n\r\n5\r\nhello`)).toContain(' 413 ');
    expect(await sendRaw(port, 'nonsense\r\n\r\n')).toContain(' 400 ');
    expect(
      await sendRaw(
        port,
        `GET / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n`,
      ),
    ).toBe('');
    // One that never ends its head is cut off.
    expect(await sendRaw(port, 'GET / HTTP/1.1\r\nhost:')).toContain(' 408 ');
    expect((await snapshot()).version).toBe(1);
  });

  it('is refused for what there is not, by other methods, and for paths that lead elsewhere', async () => {
    const { port, token, get } = await openInspector({ database: server.open() });
    const headers = { host: `127.0.0.1:${port}`, authorization: `Bearer ${token}` };
    for (const path of [
      '/api/',
      '/api/nothing',
      '/api/snapshot/1',
      '/api/transactions/',
      '/api/transactions/%3Cimg%3E',
      '/api/jobs/mail/1/retry',
      '/package.json',
      '/..%2f..%2fpackage.json',
      '/constructor',
    ])
      expect((await get(path)).status).toBe(404);
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH'])
      expect((await ask(port, method, '/api/snapshot', headers)).status).toBe(405);
    expect((await ask(port, 'POST', '/api/snapshot', headers)).status).toBe(404);
    expect((await ask(port, 'POST', '/', headers)).status).toBe(404);
  });
});

describe('an inspector', () => {
  it('ends its streams at once when it is closed', async () => {
    const open = await openInspector({ database: server.open() });
    const stream = await readStream(open);
    await until('the first snapshot has come', () => stream.snapshots.length > 0);
    await open.inspector.close();
    await stream.ended;
    await expect(open.get('/api/snapshot')).rejects.toThrow('ECONNREFUSED');
    await open.inspector.close();
  });

  it('takes no more than twenty streams', async () => {
    const open = await openInspector({ database: server.open() });
    const streams = await Promise.all(Array.from({ length: 20 }, () => readStream(open)));
    expect((await open.get('/api/stream')).status).toBe(503);
    for (const stream of streams) stream.leave();
    await until('there is room again', async () => {
      const stream = await readStream(open).catch(() => undefined);
      stream?.leave();
      return stream !== undefined;
    });
  });

  it('says that its port is taken', async () => {
    const database = server.open();
    const { port } = await openInspector({ database });
    const error = await rejection(startInspector(database, { port }));
    expect(error).toMatchObject({ code: 'INSPECTOR_NOT_STARTED' });
    expect(error.message).toContain('EADDRINUSE');
  });

  it('has another token each time, and takes one that is given', async () => {
    const database = server.open();
    const [one, other] = [await openInspector({ database }), await openInspector({ database })];
    expect(one.token).toHaveLength(32);
    expect(one.token).not.toBe(other.token);
    const token = 'a-secret-of-our-own';
    expect((await openInspector({ database, token })).token).toBe(token);
    const error = await rejection(startInspector(database, { token: 'short' }));
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error.message).not.toContain('short');
  });
});
