// What a handler with @Res() does after it has answered.
import 'reflect-metadata';
import { Controller, Post, Res } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Response } from 'express';
import { RequestModule, SluiceModule, TransactionalRoute } from '../../src/frameworks/nestjs/index.ts';
import { describeAfterAnswer, type StartAnswering } from '../support/after-answer-suite.ts';
import { useTestDatabase } from '../support/database.ts';
import { listen } from './nestjs-support.ts';

const server = useTestDatabase();

const onNest =
  (adapter: () => ExpressAdapter | FastifyAdapter): StartAnswering =>
  async (database, handler) => {
    @Controller()
    class Sales {
      @Post()
      @TransactionalRoute()
      sell(@Res() response: Response): Promise<void> | void {
        return handler(() => void response.status(201).send({ sold: true }));
      }
    }
    const imports = [SluiceModule.forRoot({ database }), RequestModule.forRoot()];
    const { url } = await listen({ imports, controllers: [Sales] }, adapter());
    return Number(new URL(url).port);
  };

describeAfterAnswer(
  server,
  'nestjs on express',
  onNest(() => new ExpressAdapter()),
);
describeAfterAnswer(
  server,
  'nestjs on fastify',
  onNest(() => new FastifyAdapter()),
);
