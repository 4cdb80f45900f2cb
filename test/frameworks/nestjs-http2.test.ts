import 'reflect-metadata';
import { Controller, Inject, Param, ParseIntPipe, Post, Res } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { describe } from 'vitest';
import { RequestModule, SluiceModule, TransactionalRoute } from '../../src/frameworks/nestjs/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeHttp2, http2Schema, type StartHttp2 } from '../support/http2-suite.ts';
import { listen } from './nestjs-support.ts';

const server = useTestDatabase(http2Schema);
type Work = Parameters<StartHttp2>[0]['work'];

@Controller('orders')
class Orders {
  constructor(@Inject('work') private readonly work: Work) {}

  @Post(':id')
  @TransactionalRoute()
  async place(@Param('id', ParseIntPipe) id: number, @Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    reply.code(await this.work(id));
    return { id };
  }
}

describe('NestJS with Fastify on HTTP/2', () =>
  describeHttp2(server, async ({ database, work }) => {
    const adapter = new FastifyAdapter({ http2: true } as object);
    const instance: FastifyInstance = adapter.getInstance();
    instance.addContentTypeParser('application/x-upload', (_request, _payload, done) => done(null));
    const { app, url } = await listen(
      {
        imports: [SluiceModule.forRoot({ database }), RequestModule.forRoot()],
        controllers: [Orders],
        providers: [{ provide: 'work', useValue: work }],
      },
      adapter,
    );
    return { port: Number(new URL(url).port), close: () => app.close() };
  }));
