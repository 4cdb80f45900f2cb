import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type ContextOptions,
  createDatabase,
  createContextCarrier,
  currentContext,
  withContext,
} from '../../src/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { createJobs, defineQueue } from '../../src/queue/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { rejection } from '../support/settled.ts';

const secret = 'a secret of the whole system';
// Nothing here sends a statement.
const database = createDatabase({ clients: { default: postgres() } });
const { injectContext, runWithContext } = createContextCarrier(database, { secret });
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What ends a line, a text or a character somewhere on the way. */
const hostile: readonly [string, string][] = [
  ['CRLF', 'a\r\nX-Admin: yes'],
  ['a line feed', 'a\nb'],
  ['NUL', 'a\0b'],
  ['an escape', 'a\u001B[31m'],
  ['a delete', 'a\u007F'],
  ['a next line', 'a\u0085b'],
  ['a line separator', 'a\u2028b'],
  ['half a character', 'a\uD83D'],
  ['the other half', '\uDE00a'],
];
const printable: readonly [string, string][] = [
  ['an umlaut', 'dé'],
  ['an emoji', '😀'],
  ['a fullwidth letter', 'Ａ'],
];
const texts = ['tracestate', 'tenant', 'locale', 'tz', 'idempotencyKey'] as const;

/** A header as a process of the same system would sign it. */
function signed(context: unknown, more: object = {}): Record<string, string> {
  return signedBody({ v: 1, at: Date.now(), nonce: crypto.randomUUID(), context, ...more });
}

function signedBody(value: unknown): Record<string, string> {
  const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  return { 'sluice-context': body, 'sluice-signature': signature };
}

const received = (headers: Record<string, unknown>): Promise<Error> =>
  rejection((async () => runWithContext(headers, currentContext))());

describe('values that a program gives', () => {
  const cases = texts.flatMap((name) =>
    [...hostile, ...(name === 'tenant' || name === 'idempotencyKey' ? [] : printable)].map(
      ([kind, value]) => [name, kind, value] as const,
    ),
  );

  it.each(cases)('%s with %s is refused, and nothing runs', (name, _, value) => {
    let ran = false;
    const given = { traceparent, [name]: value };
    expect(() => withContext(given, () => (ran = true))).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(ran).toBe(false);
  });

  it.each(hostile)('baggage with %s is refused, in names and values', (_, value) => {
    for (const baggage of [{ [value]: 'x' }, { plan: value }]) {
      expect(() => withContext({ baggage }, () => {})).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    }
  });

  it('other languages have their place in tenant, key and baggage', async () => {
    const values = { tenant: 'Zürich 😀', idempotencyKey: '注文-1', baggage: { 名: '値' } };
    const headers = withContext(values, () => injectContext<Record<string, string>>({}));
    expect(Object.values(headers).every((value) => /^[\x20-\x7E]*$/.test(value))).toBe(true);
    expect(await runWithContext(headers, currentContext)).toMatchObject(values);
  });

  it.each<[string, unknown]>([
    ['a number', { plan: 1 }],
    ['an object', { plan: { deep: 'x' } }],
    ['undefined', { plan: undefined }],
    ['a list', ['x']],
    ['a name that is empty', { '': 'x' }],
    ['65 names', Object.fromEntries(Array.from({ length: 65 }, (__, at) => [`k${at}`, 'x']))],
    ['more than 8 KiB', { text: 'x'.repeat(8_200) }],
    [
      'a getter that throws',
      Object.defineProperty({}, 'plan', {
        enumerable: true,
        get: () => {
          throw new Error('hunter2');
        },
      }),
    ],
  ])('baggage with %s is refused', (_, baggage) => {
    expect(() => withContext({ baggage } as ContextOptions, () => {})).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.not.stringContaining('hunter2') as string }),
    );
  });

  it('baggage is read once, and nobody changes it on the way', async () => {
    let reads = 0;
    const baggage = {
      get plan() {
        reads += 1;
        return reads === 1 ? 'gold' : 'a\r\nX-Admin: yes';
      },
    };
    await withContext({ baggage }, async () => {
      expect(currentContext().baggage).toEqual({ plan: 'gold' });
      expect(() => Object.assign(currentContext().baggage ?? {}, { plan: '\r\n' })).toThrow(TypeError);
      expect((await runWithContext(injectContext({}), currentContext)).baggage).toEqual({ plan: 'gold' });
    });
    expect(reads).toBe(1);
  });

  it('baggage named __proto__ is baggage', async () => {
    const baggage = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    const context = await withContext({ baggage }, () => runWithContext(injectContext({}), currentContext));
    expect(Object.entries(context.baggage ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(Object.getPrototypeOf(context.baggage)).toBe(Object.prototype);
  });

  it('a context that is too large together is refused before a job is pushed', async () => {
    const shop = createDatabase({ clients: { default: sqlite() } });
    const jobs = createJobs(shop, { queues: { invoice: defineQueue<number>('invoice') } });
    const large = {
      baggage: { text: 'x'.repeat(7_900) },
      tenant: 't'.repeat(200),
      idempotencyKey: 'k'.repeat(200),
    };
    for (const push of [() => jobs.queues.invoice.push(1), () => jobs.queues.invoice.pushAsync(1)]) {
      const error = await rejection(withContext(large, push));
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
      expect(error.message).toContain('larger than 8192 bytes');
    }
    expect(() => withContext(large, () => injectContext({}))).toThrow('larger than 8192 bytes');
    await jobs.close();
    await shop.close();
  });

  it.each(hostile)('names of transactions and clients go along, so %s is refused in them', async (_, name) => {
    expect(await rejection(database.transaction(() => {}, { name }))).toMatchObject({ code: 'INVALID_OPTION' });
    expect(() => createDatabase({ clients: { [name]: postgres() } })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  it.each([undefined, null, 'headers', 5])('headers that are %s are refused', async (headers) => {
    expect(() => injectContext(headers as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(await received(headers as never)).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it.each([undefined, null, 'body', {}])('a body that is %s is refused', async (body) => {
    const refused = { code: 'INVALID_OPTION' };
    expect(await rejection(runWithContext({}, body as never))).toMatchObject(refused);
    expect(() => withContext({}, body as never)).toThrow(expect.objectContaining(refused));
  });
});

describe('values that come from outside', () => {
  it.each(texts.flatMap((name) => hostile.map(([kind, value]) => [name, kind, value] as const)))(
    'a signed %s with %s refuses the header',
    async (name, _, value) => {
      expect(await received(signed({ level: 0, traceparent, [name]: value }))).toMatchObject({
        code: 'INVALID_CONTEXT',
      });
    },
  );

  it.each(hostile)('signed baggage and names of ancestors with %s refuse the header', async (_, value) => {
    const ancestor = { clientName: 'default', level: 0, transaction: 'sale', backend: 1 };
    for (const context of [
      { baggage: { plan: value } },
      { baggage: { [value]: 'x' } },
      { ancestors: [{ ...ancestor, transaction: value }] },
      { ancestors: [{ ...ancestor, clientName: value }] },
      { ancestors: [{ ...ancestor, startedAt: value }] },
      { clientName: value },
    ]) {
      expect(await received(signed({ level: 0, ...context }))).toMatchObject({ code: 'INVALID_CONTEXT' });
    }
  });

  it.each([...hostile, ...printable])('a tracestate with %s is left out, as W3C asks', async (_, tracestate) => {
    const context = await runWithContext({ traceparent, tracestate }, currentContext);
    expect(context).toEqual({ level: 0, traceparent });
    // And it goes no further.
    const passed = await runWithContext({ traceparent, tracestate }, () => injectContext({}));
    expect(passed).not.toHaveProperty('tracestate');
  });

  it.each(['\r\n', '5\r\nX-Admin: yes', '1e3', ' 5 ', '0x10', '-1', 'NaN', 'Infinity', '9'.repeat(400)])(
    'a timeout of %j is left out',
    async (timeout) => {
      expect(await runWithContext({ 'sluice-timeout': timeout }, currentContext)).toEqual({ level: 0 });
    },
  );

  it.each<[string, unknown]>([
    ['nothing', null],
    ['a number', 5],
    ['a text', '"x"'],
    ['a list', []],
    ['no JSON', '{'],
    ['half a UTF-8 character', Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1')],
    ['a null context', { v: 1, at: Date.now(), nonce: 'null-context', context: null }],
    ['a list as context', { v: 1, at: Date.now(), nonce: 'a-list', context: [] }],
    ['a time without end', `{"v":1,"at":1e999,"nonce":"endless","context":{"level":0}}`],
    ['no number', { v: 1, at: Date.now(), context: { level: 0 } }],
    ['a number with a line feed', { v: 1, at: Date.now(), nonce: 'a\nb', context: { level: 0 } }],
  ])('a signed envelope of %s is refused', async (_, body) => {
    expect(await received(signedBody(body))).toMatchObject({ code: 'INVALID_CONTEXT' });
  });

  it.each(['{"a":', '['])('a context that nests %s is refused at once, wherever it nests', async (opening) => {
    const closing = opening === '[' ? ']' : '}';
    const nested = (depth: number): string => `${opening.repeat(depth)}1${closing.repeat(depth)}`;
    for (const field of ['tenant', 'baggage', 'ancestors', 'nonsense', 'level']) {
      for (const depth of [1_000, 100_000]) {
        const body = `{"v":1,"at":${Date.now()},"nonce":"${crypto.randomUUID()}","context":{"level":0,"${field}":${nested(depth)}}}`;
        const error = await received(signedBody(body));
        expect(error).toMatchObject({ code: 'INVALID_CONTEXT' });
      }
    }
  });
});
