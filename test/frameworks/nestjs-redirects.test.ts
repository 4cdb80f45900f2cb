// A route redirects with a transaction as without.
import 'reflect-metadata';
import { Controller, Post, Redirect, Res } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Server } from 'node:http';
import { expect, it } from 'vitest';
import { RequestModule, SluiceModule, TransactionalRoute } from '../../src/frameworks/nestjs/index.ts';
import { createIdempotencyTables } from '../../src/ports/idempotency/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { portOf } from '../support/http-client.ts';
import { expectSame, manners, variants } from '../support/redirects.ts';
import { listen } from './nestjs-support.ts';

const server = useTestDatabase();

/** A response of Express or Fastify. */
interface Redirects {
  redirect(url: string): unknown;
}

class Declared {
  @Post('redirect')
  @Redirect('/x')
  redirect(): void {}

  @Post('permanent')
  @Redirect('/x', 301)
  permanent(): void {}
}

class Sent {
  @Post('redirect')
  redirect(@Res() response: Redirects): void {
    response.redirect('/x');
  }
}

it.each([
  ['Express, by @Redirect()', () => new ExpressAdapter(), Declared, manners],
  ['Fastify, by @Redirect()', () => new FastifyAdapter(), Declared, manners],
  ['Express, by its response', () => new ExpressAdapter(), Sent, { redirect: { status: 302, location: '/x' } }],
  ['Fastify, by its response', () => new FastifyAdapter(), Sent, { redirect: { location: '/x' } }],
])(
  'redirects with a transaction as without, and again for a request that comes again: %s',
  async (_, adapter, base, expected) => {
    expect.hasAssertions();
    const database = server.open();
    await createIdempotencyTables(database.current);
    const controllers = [['plain', undefined] as const, ...variants].map(([path, options]) => {
      class Routes extends base {}
      Controller(path)(Routes);
      if (options !== undefined) TransactionalRoute(options)(Routes);
      return Routes;
    });
    const imports = [SluiceModule.forRoot({ database }), RequestModule.forRoot({})];
    const { app } = await listen({ imports, controllers }, adapter());
    await expectSame(portOf(app.getHttpServer() as Server), expected);
  },
);
