// Streams that a handler with @TransactionalRoute() returns, and places where the decorator means nothing.
import 'reflect-metadata';
import { Controller, Get, Injectable, type ModuleMetadata, Post, StreamableFile } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { RequestModule, SluiceModule, TransactionalRoute } from '../../src/frameworks/nestjs/index.ts';
import type { Database } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { listen, startContext } from './nestjs-support.ts';

const server = useTestDatabase();
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 1 });
});
type Pieces = () => AsyncGenerator<Buffer>;
const app = (
  answer: () => unknown,
  adapter: ExpressAdapter | FastifyAdapter,
  timeout = 60_000,
): Promise<{ readonly url: string }> => {
  @Controller()
  class Reports {
    @Get('sales')
    @TransactionalRoute({ maxHeld: 10_000 })
    async sales(): Promise<unknown> {
      return answer();
    }
  }
  const imports = [SluiceModule.forRoot({ database }), RequestModule.forRoot({ timeout })];
  return listen({ imports, controllers: [Reports] }, adapter);
};

const file = (pieces: Pieces): StreamableFile =>
  new StreamableFile(Readable.from(pieces()), { type: 'text/csv', disposition: 'attachment' });

describe.each<[string, () => ExpressAdapter | FastifyAdapter, (pieces: Pieces) => unknown]>([
  ['a StreamableFile on express', () => new ExpressAdapter(), file],
  ['a StreamableFile on fastify', () => new FastifyAdapter(), file],
  ['a stream on fastify', () => new FastifyAdapter(), (pieces) => Readable.from(pieces())],
])('%s', (_, adapter, answer) => {
  it('is read inside the transaction, and goes out after it', async () => {
    async function* pieces(): AsyncGenerator<Buffer> {
      yield Buffer.from('1;pen\n');
      await insert(database, 1);
      yield Buffer.from('2;ink\n');
    }
    const { url } = await app(() => answer(pieces), adapter());
    const got = await fetch(`${url}/sales`);
    expect([got.status, await got.text()]).toEqual([200, '1;pen\n2;ink\n']);
    if (answer === file) {
      expect(got.headers.get('content-type')).toContain('text/csv');
      expect(got.headers.get('content-disposition')).toBe('attachment');
    }
    expect(await server.products()).toEqual([1]);
  });

  it('that breaks rolls back, and nothing of it goes out', async () => {
    async function* pieces(): AsyncGenerator<Buffer> {
      await insert(database, 1);
      yield Buffer.from('1;pen\n');
      throw new Error('the file is gone');
    }
    const { url } = await app(() => answer(pieces), adapter());
    const got = await fetch(`${url}/sales`);
    expect([got.status, await got.json()]).toMatchObject([500, { statusCode: 500 }]);
    expect(await server.products()).toEqual([]);
  });

  it('is ended at the deadline: 504', async () => {
    let isEnded = false;
    async function* pieces(): AsyncGenerator<Buffer> {
      try {
        await insert(database, 1);
        for (;;) {
          yield Buffer.alloc(0);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      } finally {
        isEnded = true;
      }
    }
    const { url } = await app(() => answer(pieces), adapter(), 300);
    expect((await fetch(`${url}/sales`)).status).toBe(504);
    await until('it is ended', () => isEnded);
    expect(await server.products()).toEqual([]);
  });

  it('that is larger than maxHeld is refused', async () => {
    async function* pieces(): AsyncGenerator<Buffer> {
      await insert(database, 1);
      for (let at = 0; at < 20; at += 1) yield Buffer.alloc(1_000);
    }
    const { url } = await app(() => answer(pieces), adapter());
    expect((await fetch(`${url}/sales`)).status).toBe(500);
    expect(await server.products()).toEqual([]);
  });
});

describe('where it is no route, an application does not start', () => {
  const start = (metadata: ModuleMetadata): Promise<Error> =>
    rejection(startContext({ ...metadata, imports: [SluiceModule.forRoot({ database }), RequestModule.forRoot()] }));

  it('for a method of a provider', async () => {
    @Injectable()
    class Orders {
      @TransactionalRoute()
      async place(): Promise<void> {}
    }
    expect((await start({ providers: [Orders] })).message).toContain('Orders.place has @TransactionalRoute()');
  });

  it('for a handler of messages', async () => {
    @Controller()
    @TransactionalRoute()
    class Orders {
      @Post()
      async place(): Promise<void> {}

      @MessagePattern('order')
      async onOrder(): Promise<void> {}
    }
    const { message } = await start({ controllers: [Orders] });
    expect(message).toContain('Orders.onOrder has @TransactionalRoute() and is no route of HTTP');
    expect(message).toContain('Write @Transactional() in its place');
  });
});
