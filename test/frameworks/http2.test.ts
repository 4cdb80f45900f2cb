import { serve } from '@hono/node-server';
import fastify from 'fastify';
import { Hono } from 'hono';
import { once } from 'node:events';
import { connect, createServer, type Http2Server } from 'node:http2';
import { describe, expect, it } from 'vitest';
import * as fastifyEntry from '../../src/frameworks/fastify/index.ts';
import * as honoEntry from '../../src/frameworks/hono/index.ts';
import { shutdown } from '../../src/http/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { portOf } from '../support/http-client.ts';
import { ask, describeHttp2, http2Schema, type StartHttp2 } from '../support/http2-suite.ts';
import { signal, until } from '../support/settled.ts';

const server = useTestDatabase(http2Schema);

const startFastify: StartHttp2 = async ({ database, work }) => {
  const app = fastify({ http2: true });
  await app.register(fastifyEntry.sluice(database) as never);
  app.addContentTypeParser('application/x-upload', (_request, _payload, done) => done(null));
  app.post<{ Params: { id: string } }>('/orders/:id', { config: { transaction: true } }, async (request, reply) => {
    const { id } = request.params;
    return await reply.code(await work(Number(id))).send({ id });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { port: portOf(app.server), close: () => app.close() };
};

const startHono = async ({ database, work }: Parameters<StartHttp2>[0]) => {
  const app = new Hono().use(honoEntry.sluice(database));
  app.post('/orders/:id', honoEntry.transaction(), async (c) => {
    const id = Number(c.req.param('id'));
    return c.json({ id }, (await work(id)) as 200);
  });
  app.onError(honoEntry.problemHandler({ onError: () => {} }));
  const made = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', createServer }) as Http2Server;
  await once(made, 'listening');
  return { server: made, port: portOf(made), close: () => new Promise((resolve) => made.close(resolve)) };
};

describe('fastify on HTTP/2', () => describeHttp2(server, startFastify));

describe('hono on HTTP/2', () => describeHttp2(server, startHono));

describe('shutdown of a server of HTTP/2', () => {
  // Before Node.js 24 a server of HTTP/2 knows nothing of its sessions.
  it.skipIf(Number.parseInt(process.versions.node, 10) < 24)(
    'answers what it has taken, and has all clients leave',
    async () => {
      const database = server.open({ max: 1 });
      const begun = signal();
      const mayEnd = signal();
      const work = async (id: number): Promise<number> => {
        await insert(database, id);
        begun.fire();
        await mayEnd.promise;
        return 201;
      };
      const { server: listener, port } = await startHono({ database, work });
      const [busy, idle] = [connect(`http://127.0.0.1:${port}`), connect(`http://127.0.0.1:${port}`)];
      await Promise.all([once(busy, 'remoteSettings'), once(idle, 'remoteSettings')]);
      const answers = Promise.all([1, 2, 3].map((id) => ask(busy, id)));
      await begun.promise;
      const left = Promise.all([once(busy, 'close'), once(idle, 'close')]);
      const stopped = shutdown(database, { server: listener });
      await until('no connection is accepted', () => !listener.listening);
      mayEnd.fire();
      expect((await answers).map(({ status }) => status)).toEqual([201, 201, 201]);
      await Promise.all([stopped, left]);
      expect(await server.products()).toEqual([1, 2, 3]);
    },
  );

  it('goes on after its timeout', async () => {
    const database = server.open({ max: 1 });
    const begun = signal();
    const work = async (id: number): Promise<never> => {
      await insert(database, id);
      begun.fire();
      return await new Promise<never>(() => {});
    };
    const { server: listener, port } = await startHono({ database, work });
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    const stream = session.request({ ':method': 'POST', ':path': '/orders/1' });
    stream.on('error', () => {});
    stream.end();
    await begun.promise;
    await shutdown(database, { server: listener, timeout: 50 });
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'DATABASE_CLOSED' });
    session.destroy();
    expect(await server.products()).toEqual([]);
  });
});
