// What of NestJS runs in the transaction of a route, and what bad requests leave behind.
import 'reflect-metadata';
import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  Injectable,
  type NestInterceptor,
  Param,
  type PipeTransform,
  Post,
  Redirect,
  Req,
  Scope,
  StreamableFile,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { Readable } from 'node:stream';
import { catchError, type Observable, of } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  InjectDatabase,
  RequestModule,
  SluiceModule,
  Transactional,
  TransactionalRoute,
} from '../../src/frameworks/nestjs/index.ts';
import {
  createContextCarrier,
  currentContext,
  type Database,
  isTransactionActive,
  withContext,
} from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { ask, sendRaw } from '../support/http-client.ts';
import { until } from '../support/settled.ts';
import { listen } from './nestjs-support.ts';

const secret = 'a secret of the system';
const server = useTestDatabase();
const seen: Record<string, boolean> = {};

@Injectable()
class Guard implements CanActivate {
  canActivate(): boolean {
    seen['guard'] = isTransactionActive();
    return true;
  }
}

@Injectable()
class Pipe implements PipeTransform<string, number> {
  transform(value: string): number {
    seen['pipe'] = isTransactionActive();
    return Number(value);
  }
}

@Injectable()
class NeverMind implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    seen['interceptor'] = isTransactionActive();
    return next.handle().pipe(catchError(() => of({ neverMind: true })));
  }
}

@Catch(Error)
class Fine implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(_error: Error, host: ArgumentsHost): void {
    seen['filter'] = isTransactionActive();
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), { fine: true }, 200);
  }
}

@Injectable({ scope: Scope.REQUEST })
class Products {
  constructor(@InjectDatabase() private readonly database: Database<'default'>) {
    seen['provider'] = isTransactionActive();
  }

  @Transactional()
  async add(id: number): Promise<void> {
    await insert(this.database, id);
  }
}

@Controller('products')
class ProductsController {
  constructor(private readonly products: Products) {}

  @Post('ordered/:id')
  @UseGuards(Guard)
  @TransactionalRoute()
  async ordered(@Param('id', Pipe) id: number): Promise<object> {
    await this.products.add(id);
    return { id };
  }

  @Post('filtered')
  @UseFilters(Fine)
  @TransactionalRoute()
  async filtered(): Promise<void> {
    await this.products.add(1);
    throw new Error('no stock');
  }

  @Post('intercepted')
  @UseInterceptors(NeverMind)
  @TransactionalRoute()
  async intercepted(): Promise<void> {
    await this.products.add(1);
    throw new Error('no stock');
  }

  @Post('moved')
  @Redirect('/there', 303)
  @TransactionalRoute()
  async moved(): Promise<void> {
    await this.products.add(1);
  }

  @Post('file')
  @TransactionalRoute()
  async file(): Promise<StreamableFile> {
    await this.products.add(1);
    async function* rows(): AsyncGenerator<Buffer> {
      seen['file'] = isTransactionActive();
      yield Buffer.from('invoice');
    }
    return new StreamableFile(Readable.from(rows()));
  }

  @Post('upload')
  @TransactionalRoute({ timeout: 150 })
  async upload(@Req() request: { readonly raw?: AsyncIterable<unknown> } & AsyncIterable<unknown>): Promise<void> {
    await this.products.add(1);
    for await (const _ of request.raw ?? request);
  }

  @Get('context')
  context(): object {
    return currentContext();
  }
}

describe.each(['express', 'fastify'])('NestJS on %s', (name) => {
  let database: Database<'default'>;
  let port: number;
  beforeEach(async () => {
    for (const key of Object.keys(seen)) delete seen[key];
    database = server.open({ max: 1 });
    const adapter = name === 'fastify' ? new FastifyAdapter() : undefined;
    const instance = adapter?.getInstance() as FastifyInstance | undefined;
    instance?.addContentTypeParser('application/x-upload', (_request, _payload, done) => done(null));
    const { url } = await listen(
      {
        imports: [SluiceModule.forRoot({ database }), RequestModule.forRoot({ secret })],
        controllers: [ProductsController],
        providers: [Products],
      },
      adapter,
    );
    port = Number(new URL(url).port);
  });
  const isClean = async (): Promise<void> => {
    await until('its connection is back', () => database.stats().clients.default.used === 0);
    const open = "select 1 from pg_stat_activity where datname = current_database() and state like 'idle in tran%'";
    expect(await server.sql(open)).toEqual([]);
    expect([currentContext().level, isTransactionActive()]).toEqual([0, false]);
  };

  it('has pipes and handlers in the transaction, and not guards and providers of the request', async () => {
    expect(await ask(port, 'POST', '/products/ordered/7')).toMatchObject({ status: 201, json: { id: 7 } });
    expect(seen).toEqual({ provider: false, guard: false, pipe: true });
    expect(await server.products()).toEqual([7]);
  });

  it('rolls back for an error that an exception filter answers with 200', async () => {
    expect(await ask(port, 'POST', '/products/filtered')).toMatchObject({ status: 200, json: { fine: true } });
    expect(seen).toMatchObject({ filter: false });
    expect(await server.products()).toEqual([]);
    await isClean();
  });

  it('commits where an interceptor of the handler makes a value of an error', async () => {
    expect((await ask(port, 'POST', '/products/intercepted')).json).toEqual({ neverMind: true });
    expect(seen).toMatchObject({ interceptor: true });
    expect(await server.products()).toEqual([1]);
  });

  it('commits before a redirect', async () => {
    expect(await ask(port, 'POST', '/products/moved')).toMatchObject({ status: 303, headers: { location: '/there' } });
    expect(await server.products()).toEqual([1]);
  });

  it('reads a file in the transaction, and commits before it goes out', async () => {
    expect((await ask(port, 'POST', '/products/file')).text).toBe('invoice');
    expect(seen).toMatchObject({ file: true });
    expect(await server.products()).toEqual([1]);
  });

  it('answers 408 while the request is still coming, and leaves nothing open', async () => {
    const { closed } = await sendRaw(
      port,
      'POST /products/upload HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-upload\r\ncontent-length: 100000\r\n\r\nabc',
    );
    expect(await closed).toContain('HTTP/1.1 408 Request Timeout');
    expect(await server.products()).toEqual([]);
    await isClean();
  });

  it('refuses a context that is forged, replayed, repeated, joined or large, and leaves nothing open', async () => {
    const inject = (): Record<string, string> =>
      withContext({ tenant: 'acme' }, () =>
        createContextCarrier(database, { secret }).injectContext<Record<string, string>>({}),
      );
    const good = inject();
    const { 'sluice-context': body = '' } = inject();
    expect((await ask(port, 'GET', '/products/context', good)).json).toMatchObject({ tenant: 'acme' });
    const refused: [Record<string, string | string[]>, number][] = [
      [good, 401],
      [{ ...inject(), 'sluice-signature': '0'.repeat(64) }, 401],
      [{ 'sluice-context': body }, 400],
      [{ ...inject(), 'sluice-context': [body, body] }, 400],
      [{ ...inject(), 'sluice-context': `${body}, ${body}` }, 400],
      [{ 'sluice-timeout': ['5', '6'] }, 400],
      [{ 'sluice-test': 'forged' }, 400],
    ];
    for (const [headers, status] of refused) {
      const answer = await ask(port, 'GET', '/products/context', headers);
      expect(answer).toMatchObject({ status, json: { code: 'INVALID_CONTEXT' } });
    }
    const large = await ask(port, 'GET', '/products/context', { 'sluice-context': 'A'.repeat(100_000) }).catch(
      () => undefined,
    );
    expect(large?.status ?? 431).toBe(431);
    const { closed } = await sendRaw(port, 'GET /products/context HTTP/1.1\r\nhost: x\r\nsluice-context: a\rb\r\n\r\n');
    expect(await closed).toContain('400 Bad Request');
    expect((await ask(port, 'GET', '/products/context')).status).toBe(200);
    await isClean();
  });
});
