// What JSON would lose without a sign, at each entrance of what is stored or sent, on each engine.
import { Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEvents, createEventTables, defineEvent } from '../../src/events/index.ts';
import type { Database } from '../../src/index.ts';
import { addToOutbox, createOutbox, createOutboxTables, defineTopic } from '../../src/outbox/index.ts';
import { createIdempotencyTables, idempotent } from '../../src/ports/idempotency/index.ts';
import { memory } from '../../src/queue/engines/memory/index.ts';
import { createJobs, defineQueue } from '../../src/queue/index.ts';
import { createSagas, createSagaTables, defineSaga } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { rejection } from '../support/settled.ts';

class Money {
  readonly cents = 100;
  readonly #currency = 'EUR';
  get currency(): string {
    return this.#currency;
  }
}
class Basket {
  readonly lines = [1];
  *[Symbol.iterator](): Generator<number> {
    yield* this.lines;
  }
}

const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;
const twice = { c: 1 };
const sparse: number[] = [1];
sparse[2] = 3;

/** With what the error says of it where it is the third line of an order. */
const lost: readonly (readonly [name: string, value: unknown, said: RegExp])[] = [
  ['a Map', new Map([[1, 2]]), /it has an object of the kind Map, at "lines\.2"/],
  ['a Set', new Set([1]), /of the kind Set/],
  ['a Map of another realm', runInNewContext('new Map()') as unknown, /of the kind Map/],
  ['a generator', [1].values(), /of the kind Array Iterator/],
  ['a stream', Readable.from(['x']), /that is iterated/],
  ['a class that is iterated', new Basket(), /that is iterated/],
  ['bytes', new Uint8Array(2), /of the kind Uint8Array/],
  ['a buffer of bytes', new ArrayBuffer(2), /of the kind ArrayBuffer/],
  ['an Error', new TypeError('x'), /of the kind Error/],
  ['a RegExp', /x/, /of the kind RegExp/],
  ['a promise', Promise.resolve(1), /a promise/],
  ['a function', () => 1, /a function, at "lines\.2"/],
  ['a symbol', Symbol('x'), /a symbol/],
  ['a BigInt', 1n, /a BigInt/],
  ['NaN', Number.NaN, /a number that is not finite, at "lines\.2"/],
  ['Infinity', -Infinity, /a number that is not finite/],
  ['undefined in a list', undefined, /undefined in a list, at "lines\.2"/],
  ['a hole in a list', sparse, /undefined in a list, at "lines\.2\.1"/],
  ['a Date without a time', new Date(Number.NaN), /a Date without a time/],
  ['a method of its own', { at: { pay: () => 1 } }, /a function, at "lines\.2\.at\.pay"/],
  ['__proto__', JSON.parse('{"__proto__":{"admin":true}}'), /a property "__proto__"/],
  ['a prototype', { constructor: { prototype: { admin: true } } }, /a property "__proto__"/],
  ['a cycle', cycle, /cannot be written as JSON\n?/],
];

const kept: readonly (readonly [name: string, value: unknown, arrives: unknown])[] = [
  ['an undefined member', { a: undefined, b: 1 }, { b: 1 }],
  ['a Date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['an object of a class', new Money(), { cents: 100 }],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
  ['an object of another realm', runInNewContext('({ a: [1] })') as unknown, { a: [1] }],
  ['a boxed text', Object('a') as unknown, 'a'],
  ['a Buffer', Buffer.from('a'), { type: 'Buffer', data: [97] }],
  ['a URL', new URL('http://127.0.0.1/'), 'http://127.0.0.1/'],
  ['the same object twice', { a: twice, b: [twice, twice] }, { a: { c: 1 }, b: [{ c: 1 }, { c: 1 }] }],
  ['null', null, null],
];

const server = useTestDatabase();
const placed = defineEvent<unknown>('order.placed');
const topic = defineTopic('orders');
const queues = { pay: defineQueue('pay') };
const steps = defineSaga('steps', async (saga, input: unknown) => {
  const signal = await saga.waitFor('paid');
  return await saga.step('gives', () => ({ input, signal }));
});
let database: Database<'default'>;

beforeAll(async () => {
  const { current } = server.open();
  await createOutboxTables(current);
  await createEventTables(current);
  await createSagaTables(current);
  await createIdempotencyTables(current);
});
beforeEach(() => {
  database = server.open();
});

interface Entrance {
  readonly name: string;
  /** Its error. */
  readonly code: string;
  readonly give: (payload: unknown) => Promise<unknown>;
  /** Functions in it are left out: it is what a function returned. */
  readonly isResult?: boolean;
}

const entrances: readonly Entrance[] = [
  {
    name: 'a message for the outbox',
    code: 'UNSERIALIZABLE',
    give: (payload) => addToOutbox(database.current, [{ channel: 'mail', queue: 'orders', payload }]),
  },
  {
    name: 'a message of a topic',
    code: 'UNSERIALIZABLE',
    give: async (payload) => {
      await using outbox = createOutbox(database, { broker: memoryBroker()() });
      await outbox.publish(topic, payload);
    },
  },
  {
    name: 'an event',
    code: 'UNSERIALIZABLE',
    give: (payload) =>
      database.transaction(() => {
        const events = createEvents(database);
        events.on(placed, { phase: 'durable', id: 'mail' }, () => {});
        return events.publish(placed, payload);
      }),
  },
  {
    name: 'a job',
    code: 'UNSERIALIZABLE',
    give: async (payload) => {
      await using jobs = createJobs(database, { engine: memory(), queues });
      await jobs.queues.pay.push(payload);
    },
  },
  {
    name: 'the input of a saga',
    code: 'UNSERIALIZABLE',
    give: async (payload) => {
      await using sagas = createSagas(database, { sagas: { steps } });
      await sagas.steps.start(payload, { id: 'input' });
    },
  },
  {
    name: 'a signal of a saga',
    code: 'UNSERIALIZABLE',
    give: async (payload) => {
      await using sagas = createSagas(database, { sagas: { steps } });
      await sagas.steps.get('none').signal('paid', payload);
    },
  },
  {
    name: 'the answer of an idempotent call',
    isResult: true,
    code: 'IDEMPOTENCY_ANSWER',
    give: (payload) => idempotent(database, { key: 'one', scope: 'pay', fingerprint: '' }, () => payload),
  },
];
const tables = ['outbox', 'event_publication', 'saga', 'saga_signal', 'idempotency'];

describe.each(entrances)('$name', ({ code, give, isResult = false }) => {
  const refused = isResult ? lost.filter(([, , said]) => !said.source.includes('a function')) : lost;

  it.each(refused)('is refused before anything is written: %s', async (_, value, said) => {
    const error = await rejection(give({ lines: [0, 1, value] }));
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(said);
    expect(error.message).toContain('cannot be written as JSON');
    for (const table of tables) expect(await server.sql(`select 1 from sluice_${table}`)).toEqual([]);
  });
});

describe('what JSON keeps', () => {
  it.each(kept)('arrives: %s', async (_, value, arrives) => {
    const scope = 'kept';
    const key = String(kept.findIndex(([, each]) => each === value));
    const { value: answer } = await idempotent(database, { key, scope, fingerprint: '' }, () => value);
    expect(answer).toEqual(arrives);
  });
});

describe('what a function returned', () => {
  // As the result of a driver that is passed on.
  const returned = { rows: [1], parsers: [(text: string) => text], of: { a: 1, parse: () => 1 } };
  const arrives = { rows: [1], parsers: [null], of: { a: 1 } };

  it('arrives without its functions: of an idempotent call', async () => {
    const { value } = await idempotent(database, { key: 'functions', scope: 'pay', fingerprint: '' }, () => returned);
    expect(value).toEqual(arrives);
  });

  it('arrives without its functions: of a job', async () => {
    await using jobs = createJobs(database, { engine: memory(), queues });
    jobs.worker().handle(queues.pay, () => returned);
    expect(await jobs.queues.pay.pushAsync(1)).toEqual(arrives);
  });

  it('arrives without its functions: of a step, and of a saga', async () => {
    const passes = defineSaga('passes', async (saga) => ({
      step: await saga.step('query', () => returned),
      own: returned,
    }));
    await using sagas = createSagas(database, { sagas: { passes } });
    expect(await sagas.passes.run(undefined)).toEqual({ step: arrives, own: arrives });
  });

  it('is refused where it is a function itself', async () => {
    const call = idempotent(database, { key: 'one', scope: 'pay', fingerprint: '' }, () => () => 1);
    expect(await rejection(call)).toMatchObject({ code: 'IDEMPOTENCY_ANSWER' });
  });
});
