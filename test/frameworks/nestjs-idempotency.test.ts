import 'reflect-metadata';
import {
  Body,
  type CallHandler,
  Controller,
  type ExecutionContext,
  Header,
  HttpCode,
  type NestInterceptor,
  Post,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RequestModule, SluiceModule, TransactionalRoute } from '../../src/frameworks/nestjs/index.ts';
import { createIdempotencyTables } from '../../src/ports/idempotency/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { type Asked, describeIdempotentRoutes, type Shop, type ShopKit } from '../support/idempotency-suite.ts';
import { listen, rootModule } from './nestjs-support.ts';

/** A response of Express, or one of Node.js; of Fastify it has another name for the status. */
interface AnyReply {
  readonly raw?: ServerResponse;
  status(code: number): unknown;
  getHeaders?(): object;
  header(name: string, value: string): unknown;
}

const cookie = 'session=7; HttpOnly';

/** How a controller answers. */
type Manner = 'returns' | 'sends';

function controllerOf(shop: Shop, manner: Manner): new () => object {
  const answer = async (asked: Asked, reply: AnyReply): Promise<unknown> => {
    const { status, body } = await shop.work(asked);
    reply.status(status);
    for (const [name, value] of [
      ['x-order', 'yes'],
      ['set-cookie', cookie],
      ['content-type', 'text/x-order'],
    ] as const)
      reply.header(name, value);
    const sent = status === 204 ? undefined : body;
    if (manner === 'sends') (reply as unknown as { send(body?: string): unknown }).send(sent);
    return manner === 'sends' ? undefined : sent;
  };
  const passthrough = manner === 'returns';

  @Controller()
  class Orders {
    @Post('orders')
    @TransactionalRoute({ idempotency: shop.options, rollbackOnStatus: (status) => status >= 500 })
    async order(@Body() asked: Asked, @Res({ passthrough }) reply: AnyReply): Promise<unknown> {
      return await answer(asked, reply);
    }

    @Post('refunds')
    @TransactionalRoute({ idempotency: true })
    async refund(@Body() asked: Asked, @Res({ passthrough }) reply: AnyReply): Promise<unknown> {
      return await answer(asked, reply);
    }

    @Post('optional')
    @TransactionalRoute({ idempotency: { required: false } })
    async optional(@Body() asked: Asked, @Res({ passthrough }) reply: AnyReply): Promise<unknown> {
      return await answer(asked, reply);
    }
  }
  return Orders;
}

const kitOf = (name: string, manner: Manner, adapter: () => ExpressAdapter | FastifyAdapter): ShopKit => ({
  name: `NestJS on ${name} that ${manner} its answers`,
  async start(shop) {
    const made = adapter();
    if (made instanceof FastifyAdapter) {
      made.getInstance().addHook('onRequest', async (request, reply) => {
        reply.header('x-request-id', request.headers['x-request-id']);
      });
    } else {
      made.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
        response.setHeader('x-request-id', String(request.headers['x-request-id']));
        next();
      });
    }
    const tenant = (request: unknown): string | undefined =>
      (request as { headers: Record<string, string> }).headers['x-tenant'];
    const { url } = await listen(
      {
        imports: [SluiceModule.forRoot({ database: shop.database }), RequestModule.forRoot({ tenant })],
        controllers: [controllerOf(shop, manner)],
      },
      made,
    );
    return { url, close: async () => {} };
  },
});

describeIdempotentRoutes(kitOf('Express', 'returns', () => new ExpressAdapter()));
describeIdempotentRoutes(kitOf('Fastify', 'returns', () => new FastifyAdapter()));
describeIdempotentRoutes(kitOf('Fastify', 'sends', () => new FastifyAdapter()));

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
] as const)('with NestJS on %s', (_, adapter) => {
  const server = useTestDatabase();

  it('the answer is kept as interceptors around have made it, and no secret of the value is', async () => {
    const database = server.open();
    await createIdempotencyTables(database.current);
    await server.sql('delete from sluice_idempotency');

    class Hides implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next
          .handle()
          .pipe(
            map((value: { id: number; secret: string } | StreamableFile | undefined) =>
              value instanceof StreamableFile ? value : { id: value?.id, at: 1 },
            ),
          );
      }
    }
    @Controller()
    class Users {
      @Post('users')
      @HttpCode(202)
      @Header('x-user', 'yes')
      @TransactionalRoute({ idempotency: true })
      async add(): Promise<object> {
        await database.query('insert into product (id) values (1)');
        return { id: 7, secret: 'a password' };
      }

      @Post('file')
      @TransactionalRoute({ idempotency: true })
      file(): StreamableFile {
        return new StreamableFile(Buffer.from('bytes'), { type: 'text/x-file' });
      }
    }
    const root = rootModule({
      imports: [SluiceModule.forRoot({ database }), RequestModule.forRoot()],
      controllers: [Users],
    });
    const app = await NestFactory.create(root, adapter(), { logger: false });
    onTestFinished(() => app.close());
    // They stand around those of modules.
    app.useGlobalInterceptors(new Hides());
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const post = async (path: string): Promise<unknown> => {
      const response = await fetch(`${url}${path}`, { method: 'POST', headers: { 'idempotency-key': 'one' } });
      const { status, headers } = response;
      return [status, headers.get('x-user'), headers.get('content-type'), await response.text()];
    };
    for (const [path, answer] of [
      ['/file', [201, null, 'text/x-file', 'bytes']],
      ['/users', [202, 'yes', expect.stringContaining('application/json'), '{"id":7,"at":1}']],
    ] as const) {
      expect(await post(path)).toEqual(answer);
      expect(await post(path)).toEqual(answer);
    }
    const kept = await server.sql<{ answer: string }>('select answer from sluice_idempotency');
    for (const { answer } of kept) expect(Buffer.from(answer, 'base64').toString()).not.toContain('password');
    expect(await server.products()).toEqual([1]);
  });

  it('a route has no retry with it', () => {
    expect(() => TransactionalRoute({ idempotency: true, retry: { attempts: 2 } })).toThrow(
      'makes the answer of a request once',
    );
  });
});
