// What a handler does after it has answered, over servers that listen.
import express5 from 'express';
import fastify from 'fastify';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { afterEach } from 'vitest';
import * as expressEntry from '../../../src/frameworks/express/index.ts';
import * as fastifyEntry from '../../../src/frameworks/fastify/index.ts';
import { describeAfterAnswer, type StartAnswering } from '../../support/after-answer-suite.ts';
import { useTestDatabase } from '../../support/database.ts';
import { listening, portOf } from '../../support/http-client.ts';

const express4 = createRequire(import.meta.url)('express-4') as typeof express5;
const server = useTestDatabase();
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

describeAfterAnswer(server, 'fastify', async (database, handler) => {
  const app = fastify();
  await app.register(fastifyEntry.sluice(database));
  app.post('/', { config: { transaction: true } }, (_request, reply) =>
    handler(() => void reply.code(201).send({ sold: true })),
  );
  await app.listen({ port: 0, host: '127.0.0.1' });
  closers.push(() => app.close());
  return portOf(app.server);
});

const onExpress =
  (make: typeof express5): StartAnswering =>
  async (database, handler) => {
    const app = make().use(expressEntry.sluice(database));
    app.post(
      '/',
      expressEntry.transactional((_request, response) => handler(() => void response.status(201).json({ sold: true }))),
    );
    app.use(expressEntry.problemHandler({ onError: () => {} }));
    const made = createServer(app);
    closers.push(
      () =>
        new Promise((resolve) => {
          made.close(resolve);
          made.closeAllConnections();
        }),
    );
    return await listening(made);
  };
describeAfterAnswer(server, 'express 5', onExpress(express5));
describeAfterAnswer(server, 'express 4', onExpress(express4));
