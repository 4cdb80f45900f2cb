import 'reflect-metadata';
import {
  Body,
  type CanActivate,
  Controller,
  Get,
  HttpCode,
  Injectable,
  Param,
  ParseIntPipe,
  Post,
  Res,
  Sse,
  UseGuards,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { EMPTY, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
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
import { rolledBack, testHeaders } from '../../src/testing/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { listen, startContext } from './nestjs-support.ts';

const secret = 'a secret of the system';
const server = useTestDatabase(
  'create table line (id int primary key, product_id int references product (id) deferrable initially deferred)',
);
const shop = (max = 2) =>
  SluiceModule.forRoot({ clients: { default: postgres({ connectionString: server.url, max }) } });

const seen: unknown[] = [];

@Injectable()
class SeesContext implements CanActivate {
  canActivate(): boolean {
    seen.push(currentContext().tenant);
    return true;
  }
}

@Injectable()
class Products {
  constructor(@InjectDatabase() readonly database: Database) {}

  @Transactional()
  async add(id: number): Promise<void> {
    await this.database.query('insert into product (id) values ($1)', [id]);
  }
}

@Controller('products')
class ProductsController {
  constructor(
    private readonly products: Products,
    @InjectDatabase() private readonly database: Database,
  ) {}

  @Post('slow')
  @TransactionalRoute()
  async slow(): Promise<void> {
    await this.products.add(99);
    await this.database.query('select pg_sleep(30)');
  }

  @Post('deferred')
  @TransactionalRoute()
  async deferred(): Promise<string> {
    await this.database.query('insert into line (id, product_id) values (1, 12345)');
    return 'done';
  }

  @Post('conflict')
  @TransactionalRoute()
  async conflict(@Res({ passthrough: true }) response: ServerResponse & { status(code: number): unknown }) {
    await this.products.add(5);
    response.status(409);
    return { sold: false };
  }

  @Post('itself/:id')
  @TransactionalRoute()
  async itself(@Param('id', ParseIntPipe) id: number, @Res() response: ServerResponse): Promise<void> {
    await this.products.add(id);
    if (id === 0) await this.database.query('insert into line (id, product_id) values (2, 12345)');
    response.statusCode = 202;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id }));
  }

  @Post('throws/:id')
  @TransactionalRoute()
  async throws(@Param('id', ParseIntPipe) id: number): Promise<void> {
    await this.products.add(id);
    throw new Error('secret of the shop');
  }

  @Post('serialization')
  async serialization(): Promise<void> {
    await this.database.query("do $$ begin raise exception 'no' using errcode = '40001'; end $$");
  }

  @Get('context')
  @UseGuards(SeesContext)
  context(): object {
    const { tenant, level } = currentContext();
    return { tenant, level, isActive: isTransactionActive() };
  }

  @Get('wait')
  async wait(): Promise<void> {
    await this.database.query('select pg_sleep(30)');
  }

  @Post('retried')
  @HttpCode(200)
  @TransactionalRoute({ retry: { attempts: 3, delay: 1 } })
  async retried(): Promise<number> {
    tries += 1;
    await this.products.add(tries);
    if (tries < 3) await this.database.query("do $$ begin raise exception 'no' using errcode = '40001'; end $$");
    return tries;
  }

  @Post(':id')
  @TransactionalRoute()
  async add(@Param('id', ParseIntPipe) id: number, @Body() body: { readonly again?: boolean }): Promise<object> {
    await this.products.add(id);
    if (body.again === true) await this.products.add(id + 1);
    return { id, isActive: isTransactionActive() };
  }
}
let tries = 0;

const shopApp = (max = 2, options: Parameters<typeof RequestModule.forRoot>[0] = {}) =>
  listen({
    imports: [shop(max), RequestModule.forRoot({ secret, ...options })],
    controllers: [ProductsController],
    providers: [Products],
  });
const post = (url: string, body: object = {}, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });

describe('a route with a transaction', () => {
  it('commits before the answer, and what its services do is in it', async () => {
    const { url } = await shopApp(1);
    const answer = await post(`${url}/products/1`, { again: true });
    expect([answer.status, await answer.json()]).toEqual([201, { id: 1, isActive: true }]);
    expect(await server.products()).toEqual([1, 2]);
  });

  it('rolls back for an error, which says nothing of what is inside', async () => {
    const { url } = await shopApp();
    const answer = await post(`${url}/products/throws/3`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('secret');
    expect(await server.products()).toEqual([]);
  });

  it('answers a constraint that fails at COMMIT with an error, never with success', async () => {
    const { url } = await shopApp();
    const answer = await post(`${url}/products/deferred`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('done');
    const itself = await post(`${url}/products/itself/0`);
    expect(itself.status).toBe(500);
    expect(await itself.text()).not.toContain('"id"');
    expect(await server.products()).toEqual([]);
  });

  it('holds the answer of a handler with @Res() until the commit', async () => {
    const { url } = await shopApp();
    const answer = await post(`${url}/products/itself/4`);
    expect([answer.status, await answer.json()]).toEqual([202, { id: 4 }]);
    expect(await server.products()).toEqual([4]);
  });

  it('rolls back for a status from 400, which is answered all the same', async () => {
    const { url } = await shopApp();
    const answer = await post(`${url}/products/conflict`);
    expect([answer.status, await answer.json()]).toEqual([409, { sold: false }]);
    expect(await server.products()).toEqual([]);
  });

  it('repeats the handler where it is told to', async () => {
    tries = 0;
    const { url } = await shopApp();
    const answer = await post(`${url}/products/retried`);
    expect([answer.status, await answer.json()]).toEqual([200, 3]);
    expect(await server.products()).toEqual([3]);
  });

  it('ends when the client goes away: the statement is cancelled, and all is rolled back', async () => {
    const { url } = await shopApp(1);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('POST /products/slow HTTP/1.1\r\nhost: shop\r\ncontent-length: 0\r\n\r\n');
    const sleeping = () =>
      server
        .sql(
          "select 1 from pg_stat_activity where datname = current_database() and query like '%pg_sleep(30)%' and state = 'active' and pid <> pg_backend_pid()",
        )
        .then((rows) => rows.length);
    await until('the statement runs', async () => (await sleeping()) === 1);
    socket.destroy();
    await until('the statement is cancelled', async () => (await sleeping()) === 0);
    // The only connection is free again.
    expect((await post(`${url}/products/8`)).status).toBe(201);
    expect(await server.products()).toEqual([8]);
  });

  it('needs a RequestModule, and says so at the start', async () => {
    const error = await rejection(
      listen({
        imports: [SluiceModule.forRoot({ database: server.open() })],
        controllers: [ProductsController],
        providers: [Products],
      }),
    );
    expect(error.message).toContain('RouteCheck');
  });

  it('is refused for a stream of events, and for a database that is not there', async () => {
    @Controller()
    class Events {
      @Sse('events')
      @TransactionalRoute()
      events(): Observable<MessageEvent> {
        return EMPTY;
      }
    }
    @Controller()
    @TransactionalRoute({ database: 'archive' })
    class Archive {
      @Get()
      get(): void {}
    }
    const imports = [SluiceModule.forRoot({ database: server.open() }), RequestModule.forRoot()];
    expect((await rejection(startContext({ imports, controllers: [Events] }))).message).toContain(
      'Events.events has @TransactionalRoute() and @Sse()',
    );
    const error = await rejection(startContext({ imports, controllers: [Archive] }));
    expect(error.message).toContain('@TransactionalRoute on Archive.get names a database');
    expect(error.message).toContain('Its databases are: default');
  });
});

describe('requests', () => {
  it('bring their deadline: 504', async () => {
    const { url } = await shopApp(1, { timeout: 200 });
    const answer = await fetch(`${url}/products/wait`);
    expect([answer.status, await answer.json()]).toMatchObject([504, { code: 'DEADLINE_EXCEEDED' }]);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const asked = await fetch(`${url}/products/wait`, { headers: { 'sluice-timeout': '50' } });
    expect(asked.status).toBe(504);
  });

  it('bring their tenant and level, in guards too, if they are signed', async () => {
    const { url } = await shopApp();
    const database = server.open();
    const { injectContext } = createContextCarrier(database, { secret });
    const headers = await withContext({ tenant: 'acme' }, async () => injectContext<Record<string, string>>({}));
    seen.length = 0;
    const answer = await fetch(`${url}/products/context`, { headers });
    expect(await answer.json()).toEqual({ tenant: 'acme', level: 0, isActive: false });
    expect(seen).toEqual(['acme']);
    const again = await fetch(`${url}/products/context`, { headers });
    expect([again.status, await again.json()]).toMatchObject([401, { code: 'INVALID_CONTEXT' }]);
    const twice = await fetch(`${url}/products/context`, { headers: { 'sluice-timeout': '1, 2' } });
    expect(twice.status).toBe(400);
  });

  it('have the tenant that the program finds', async () => {
    const tenant = (request: unknown): string | undefined =>
      (request as { headers: Record<string, string> }).headers['x-shop'];
    const { url } = await shopApp(2, { tenant });
    const answer = await fetch(`${url}/products/context`, { headers: { 'x-shop': 'acme' } });
    expect(await answer.json()).toMatchObject({ tenant: 'acme' });
  });

  it('are answered 503 for what may succeed later, and 500 where errors are left to Nest', async () => {
    const { url } = await shopApp();
    const answer = await post(`${url}/products/serialization`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    const other = await shopApp(2, { errors: false });
    expect((await post(`${other.url}/products/serialization`)).status).toBe(500);
  });

  it.each([
    ['an unknown option', { secrets: 'x' }],
    ['a secret that is short', { secret: 'x' }],
    ['errors that are none', { errors: 1 }],
  ])('refuse %s', (_what, options) => {
    expect(() => RequestModule.forRoot(options as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

it('requests join a test, which is rolled back', async () => {
  const database = server.open();
  const { url } = await listen({
    imports: [SluiceModule.forRoot({ database }), RequestModule.forRoot({ secret })],
    controllers: [ProductsController],
    providers: [Products],
  });
  await rolledBack(database, async () => {
    expect((await post(`${url}/products/1`, { again: true }, testHeaders())).status).toBe(201);
    expect((await post(`${url}/products/throws/3`, {}, testHeaders())).status).toBe(500);
    expect((await database.query('select id from product order by id')).rows).toEqual([{ id: 1 }, { id: 2 }]);
  });
  expect(await server.products()).toEqual([]);
});

describe('on Fastify', () => {
  async function shopOnFastify(): Promise<string> {
    const { url } = await listen(
      {
        imports: [shop(1), RequestModule.forRoot({ secret, timeout: 500 })],
        controllers: [ProductsController],
        providers: [Products],
      },
      new FastifyAdapter(),
    );
    return url;
  }

  it('routes commit before the answer, in the context that came with the request', async () => {
    const url = await shopOnFastify();
    const answer = await post(`${url}/products/1`, { again: true });
    expect([answer.status, await answer.json()]).toEqual([201, { id: 1, isActive: true }]);
    expect((await post(`${url}/products/deferred`)).status).toBe(500);
    expect((await post(`${url}/products/throws/7`)).status).toBe(500);
    expect(await server.products()).toEqual([1, 2]);
    const { injectContext } = createContextCarrier(server.open(), { secret });
    const headers = await withContext({ tenant: 'acme' }, async () => injectContext<Record<string, string>>({}));
    seen.length = 0;
    expect(await (await fetch(`${url}/products/context`, { headers })).json()).toMatchObject({ tenant: 'acme' });
    expect(seen).toEqual(['acme']);
    expect((await fetch(`${url}/products/context`, { headers })).status).toBe(401);
    expect((await fetch(`${url}/products/wait`)).status).toBe(504);
  });
});
