// Streams that Fastify sends for a route with a transaction, and what a client sees when they break.
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { sluice, type SluiceFastifyOptions } from '../../../src/frameworks/fastify/index.ts';
import type { Database } from '../../../src/index.ts';
import { insert, useTestDatabase } from '../../support/database.ts';
import { type Answer, ask, portOf } from '../../support/http-client.ts';
import { until } from '../../support/settled.ts';

const server = useTestDatabase('create table sale (id int primary key deferrable initially deferred)');
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 1 });
});

const config = { transaction: { maxHeld: 10_000 } };
type Pieces = () => AsyncGenerator<string>;
/** The ways in which a handler may answer with a stream. */
const ways: readonly [string, (pieces: Pieces, reply: FastifyReply) => unknown][] = [
  ['reply.send(stream)', (pieces, reply) => reply.type('text/csv').send(Readable.from(pieces()))],
  [
    'return stream',
    (pieces, reply) => {
      reply.type('text/csv');
      return Readable.from(pieces());
    },
  ],
  ['a web stream', (pieces) => webStream(pieces())],
  ['a Response', (pieces) => new Response(webStream(pieces()))],
];

const webStream = (pieces: AsyncGenerator<string>): ReadableStream =>
  new ReadableStream({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(new TextEncoder().encode(value));
    },
    cancel: async () => void (await pieces.return(undefined)),
  });

async function answerOf(
  define: (app: FastifyInstance) => unknown,
  options: SluiceFastifyOptions = {},
): Promise<Answer> {
  const app = fastify();
  await app.register(sluice(database, options));
  define(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    return await ask(portOf(app.server), 'POST', '/');
  } finally {
    await app.close();
  }
}
const answerTo = (pieces: Pieces, answer: (typeof ways)[number][1], options?: SluiceFastifyOptions): Promise<Answer> =>
  answerOf((app) => app.post('/', { config }, async (_request, reply) => await answer(pieces, reply)), options);

/** A whole answer, which says nothing but its status and code. */
async function isProblem({ status, headers, text }: Answer, expected: number, code: string): Promise<void> {
  expect([status, headers['content-type']]).toEqual([expected, 'application/problem+json; charset=utf-8']);
  expect(JSON.parse(text)).toEqual({ title: expect.any(String) as string, status: expected, code });
  expect(headers['content-length']).toBe(String(Buffer.byteLength(text)));
  expect(await server.products()).toEqual([]);
  await until('its connection is back', () => database.stats().clients.default.used === 0);
}

describe.each(ways)('%s', (_, answer) => {
  it('goes out after the commit, and is read inside the transaction', async () => {
    const { status, text } = await answerTo(async function* () {
      yield 'id;name\n';
      await insert(database, 1);
      yield '1;pen\n';
    }, answer);
    expect([status, text]).toEqual([200, 'id;name\n1;pen\n']);
    expect(await server.products()).toEqual([1]);
  });

  it('that breaks is an error, and nothing of its rows goes out', async () => {
    const broken = await answerTo(async function* () {
      yield 'id;name\n';
      await insert(database, 1);
      yield '1;pen\n';
      throw new Error('the file is gone');
    }, answer);
    await isProblem(broken, 500, 'INTERNAL_ERROR');
  });

  it('that is at a statement when its time is over is a 504', async () => {
    const late = await answerTo(
      async function* () {
        await insert(database, 1);
        yield '1;pen\n';
        await database.query('select pg_sleep(30)');
        yield '2;ink\n';
      },
      answer,
      { timeout: 300 },
    );
    await isProblem(late, 504, 'DEADLINE_EXCEEDED');
  });

  it('that waits for something else when its time is over is a 504, and is ended', async () => {
    let isEnded = false;
    const late = await answerTo(
      async function* () {
        try {
          await insert(database, 1);
          yield '1;pen\n';
          for (;;) {
            await new Promise((resolve) => setTimeout(resolve, 20));
            yield '';
          }
        } finally {
          isEnded = true;
        }
      },
      answer,
      { timeout: 300 },
    );
    await isProblem(late, 504, 'DEADLINE_EXCEEDED');
    await until('it is ended', () => isEnded);
  });

  it('is none of the answer when the COMMIT fails', async () => {
    const failed = await answerTo(async function* () {
      await insert(database, 1);
      yield '1;pen\n';
      await database.query('insert into sale (id) values (1), (1)');
    }, answer);
    await isProblem(failed, 500, 'INTERNAL_ERROR');
  });

  it('that is larger than maxHeld is refused', async () => {
    const large = await answerTo(async function* () {
      await insert(database, 1);
      for (let at = 0; at < 20; at += 1) yield 'x'.repeat(1_000);
    }, answer);
    await isProblem(large, 500, 'RESPONSE_NOT_HELD');
  });
});

it('refuses a stream of events, and ends it', async () => {
  let isEnded = false;
  async function* events(): AsyncGenerator<string> {
    try {
      for (;;) {
        yield 'data: 1\n\n';
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    } finally {
      isEnded = true;
    }
  }
  const source = Readable.from(events());
  const refused = await answerOf((app) =>
    app.post('/', { config }, async (_request, reply) => reply.type('text/event-stream').send(source)),
  );
  await isProblem(refused, 500, 'RESPONSE_NOT_HELD');
  await until('it is ended', () => source.destroyed);
  expect(isEnded).toBe(false);
});

it('commits what comes after an answer that a handler awaits, or reads from a stream', async () => {
  const { status, text } = await answerOf((app) =>
    app.post('/', { config }, async (_request, reply) => {
      await insert(database, 1);
      await reply.send(Readable.from(['a', 'b']));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await insert(database, 2);
    }),
  );
  expect([status, text]).toEqual([200, 'ab']);
  expect(await server.products()).toEqual([1, 2]);
});

it.each([
  ['reply.send(error)', (error: Error, reply: FastifyReply) => void reply.send(error)],
  [
    'reply.send(error), in a callback',
    (error: Error, reply: FastifyReply) => void setImmediate(() => void reply.send(error)),
  ],
])('%s is an error of the handler', async (_, fail) => {
  const wrong = Object.assign(new Error('secret of the shop'), { detail: 'more of it' });
  const failed = await answerOf((app) =>
    app.post('/', { config }, (_request, reply) => {
      insert(database, 1).then(
        () => fail(wrong, reply),
        () => {},
      );
    }),
  );
  await isProblem(failed, 500, 'INTERNAL_ERROR');
});

it('says nothing of a COMMIT that fails after an error was answered as if it were none', async () => {
  const failed = await answerOf((app) => {
    app.setErrorHandler((_error, _request, reply) => reply.code(200).send({ never: 'mind' }));
    app.post(
      '/',
      { config, preSerialization: (_request, _reply, _payload, done) => done(new Error('no such view')) },
      async () => {
        await insert(database, 1);
        await database.query('insert into sale (id) values (1), (1)');
        return { sold: true };
      },
    );
  });
  await isProblem(failed, 500, 'INTERNAL_ERROR');
});
