import 'reflect-metadata';
import { Controller, HttpCode, Inject, Param, ParseIntPipe, Post } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { describe, it } from 'vitest';
import { RequestModule, SluiceModule, TransactionalRoute } from '../../src/frameworks/nestjs/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { closesUnderLoad } from './closing-suite.ts';
import { listen } from './nestjs-support.ts';

const server = useTestDatabase();

@Controller('orders')
class Orders {
  constructor(@Inject('work') private readonly work: (id: number) => Promise<void>) {}

  @Post(':id')
  @HttpCode(201)
  @TransactionalRoute()
  async place(@Param('id', ParseIntPipe) id: number): Promise<object> {
    await this.work(id);
    return { id };
  }
}

describe.each([
  ['Express', undefined],
  ['Fastify', new FastifyAdapter()],
])('NestJS on %s', (_, adapter) => {
  it('serves no request that comes after close(), and answers those that came before', async () => {
    const database = server.open({ max: 4 });
    const work = async (id: number): Promise<void> => {
      await insert(database, id);
      // For as long as others need to come in.
      await database.query('select pg_sleep(0.01)');
    };
    const { url } = await listen(
      {
        imports: [SluiceModule.forRoot({ database }), RequestModule.forRoot()],
        controllers: [Orders],
        providers: [{ provide: 'work', useValue: work }],
      },
      adapter,
    );
    await closesUnderLoad({ database, port: Number(new URL(url).port), products: () => server.products() });
  });
});
