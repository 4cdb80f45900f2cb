import { AsyncLocalStorage } from 'node:async_hooks';
import { connect, headers as natsHeaders, type NatsConnection } from '@nats-io/transport-node';
import Fastify from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type ContextCarrier,
  createContextCarrier,
  currentContext,
  type Database,
  InvalidContextError,
  withContext,
} from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith, natsUrl } from '../support/servers.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
const secret = 'a secret of the whole system';
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const ambient = { tenant: 'acme', locale: 'de-CH', tz: 'Europe/Zurich', baggage: { plan: 'gold' }, traceparent };

function open(given: { secret?: string | string[] } = { secret }): ContextCarrier & { database: Database } {
  const database = server.open({ max: 1 });
  return { database, ...createContextCarrier(database, { ...given }) };
}

/** What the sender injects inside of a transaction that holds a connection. */
function injected({ database, injectContext }: ReturnType<typeof open>): Promise<Record<string, string>> {
  return withContext({ ...ambient, timeout: 5_000 }, () =>
    database.transaction(
      async () => {
        await database.current.query('select 1');
        return injectContext({});
      },
      { name: 'checkout' },
    ),
  );
}

/** Decodes the signed header, as an attacker could. */
function forge(
  headers: Record<string, string>,
  change: (body: Record<string, unknown>) => void,
): Record<string, string> {
  const body = JSON.parse(Buffer.from(headers['sluice-context'] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >;
  change(body);
  return { ...headers, 'sluice-context': Buffer.from(JSON.stringify(body)).toString('base64url') };
}

describe('the context of a call', () => {
  it('survives two hops of HTTP: level, ancestors, trace, tenant, deadline', async () => {
    const [one, two, three] = [open(), open(), open()];
    const app = Fastify();
    app.get('/second', (request) =>
      three.runWithContext(request.headers, () => ({ ...currentContext(), dbLevel: three.database.current.level })),
    );
    app.get('/first', (request) =>
      two.runWithContext(request.headers, () =>
        two.database.transaction(
          async () => {
            await two.database.current.query('select 1');
            const { level } = two.database.current;
            const response = await fetch(`${address}/second`, { headers: two.injectContext({}) });
            return { level, second: await response.json() };
          },
          { name: 'inner' },
        ),
      ),
    );
    const address = await app.listen({ host: '127.0.0.1', port: 0 });
    try {
      const answer = await withContext({ ...ambient, timeout: 5_000 }, () =>
        one.database.transaction(
          async () => {
            await one.database.current.query('select 1');
            const response = await fetch(`${address}/first`, { headers: one.injectContext(new Headers()) });
            return (await response.json()) as { level: number; second: Record<string, unknown> };
          },
          { name: 'checkout' },
        ),
      );
      expect(answer.level).toBe(1);
      expect(answer.second).toMatchObject({ ...ambient, level: 2, dbLevel: 2 });
      expect(answer.second['remaining']).toBeGreaterThan(0);
      expect(answer.second['remaining']).toBeLessThanOrEqual(5_000);
    } finally {
      await app.close();
    }
  });

  it('names the ancestors of the other process in a row-lock deadlock', async () => {
    const [one, two] = [open(), open()];
    await server.sql('insert into product (id) values (1)');
    const touch = 'update product set stock = stock + 1 where id = 1';
    const error = await rejection(
      one.database.transaction(
        async () => {
          await one.database.current.query(touch);
          const headers = one.injectContext({});
          await two.runWithContext(headers, () => two.database.current.query(touch));
        },
        { name: 'checkout' },
      ),
    );
    expect(error).toMatchObject({ code: 'CHAIN_DEADLOCK', relation: 'product' });
    expect(error['ancestor']).toMatchObject({ transaction: 'checkout', level: 0 });
  });

  it('is at the bottom, without ancestors and deadline, where nobody waits', async () => {
    const { database, injectContext, runWithContext } = open();
    const context = await withContext({ ...ambient, timeout: 5_000 }, () =>
      database.transaction(async () => {
        await database.current.query('select 1');
        return await runWithContext(injectContext({}, { awaited: false }), currentContext);
      }),
    );
    expect(context).toEqual({ level: 0, ...ambient });
  });

  it('is trace and deadline alone without a signature', async () => {
    const sender = open();
    const { 'sluice-signature': _, ...unsigned } = await injected(sender);
    for (const receiver of [open(), open({})]) {
      const context = await receiver.runWithContext(unsigned, currentContext);
      expect(context).toMatchObject({ level: 0, traceparent });
      expect(context.tenant).toBeUndefined();
      expect(context.remaining).toBeGreaterThan(0);
    }
  });

  it('is accepted with an older secret while it is being changed', async () => {
    const old = open();
    const next = open({ secret: ['the next secret of the system', secret] });
    expect(await next.runWithContext(await injected(old), currentContext)).toMatchObject({ level: 1, tenant: 'acme' });
    const headers = await injected(next);
    await expect(old.runWithContext(headers, currentContext)).rejects.toThrow(InvalidContextError);
  });

  it('leaves out a trace that is not one, and reads header names in any case', async () => {
    const { runWithContext } = open();
    expect(await runWithContext({ TraceParent: traceparent }, currentContext)).toEqual({ level: 0, traceparent });
    expect(await runWithContext({ traceparent: 'nonsense' }, currentContext)).toEqual({ level: 0 });
  });

  it('runs nothing of a chain whose deadline has passed', async () => {
    const { runWithContext } = open();
    const ran = vi.fn<() => void>();
    await expect(runWithContext({ 'sluice-timeout': '0' }, ran)).rejects.toThrow(
      expect.objectContaining({ code: 'DEADLINE_EXCEEDED' }),
    );
    expect(ran).not.toHaveBeenCalled();
  });

  it('bounds the statements of the receiver by the deadline, in a transaction or not', async () => {
    const { database, runWithContext } = open();
    const slow = (): Promise<unknown> => database.current.query('select pg_sleep(20)');
    for (const body of [slow, () => database.transaction(slow)]) {
      const error = await rejection(runWithContext({ 'sluice-timeout': '150' }, body));
      expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
    await database.current.query('select 1');
    expect(database.stats().clients['default']).toMatchObject({ used: 0 });
  });
});

describe('what goes wrong in runWithContext', () => {
  const handled = async (work: () => Promise<unknown>): Promise<unknown> => {
    let promise: Promise<unknown> | undefined;
    expect(() => (promise = work())).not.toThrow();
    return await rejection(promise ?? Promise.resolve());
  };

  it('is a rejection: a bad header, a replay, a deadline, a body that throws, and one that is none', async () => {
    const one = open();
    const headers = await injected(one);
    const bad = { ...headers, 'sluice-signature': 'f'.repeat(64) };
    expect(await handled(() => one.runWithContext(bad, currentContext))).toBeInstanceOf(InvalidContextError);
    await one.runWithContext(headers, currentContext);
    expect(await handled(() => one.runWithContext(headers, currentContext))).toBeInstanceOf(InvalidContextError);
    const late = { 'sluice-timeout': '0' };
    expect(await handled(() => one.runWithContext(late, currentContext))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const broken = new Error('broken');
    const throws = (): never => {
      throw broken;
    };
    expect(await handled(() => one.runWithContext({}, throws))).toBe(broken);
    const none = undefined as unknown as () => void;
    expect(await handled(() => one.runWithContext({}, none))).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('runs the body before it returns, and a thenable in the context', async () => {
    const one = open();
    const seen: unknown[] = [];
    const startsWhenAwaited = {
      // oxlint-disable-next-line unicorn/no-thenable -- the query builders of libraries are such
      then: (resolve: (value: string) => void) => {
        seen.push(currentContext().traceparent);
        resolve('done');
      },
    } as PromiseLike<string>;
    const done = one.runWithContext({ traceparent }, () => {
      seen.push('ran');
      return startsWhenAwaited;
    });
    expect(seen).toEqual(['ran']);
    expect(await done).toBe('done');
    expect(seen).toEqual(['ran', traceparent]);
  });

  it('holds nothing of the callers any more when the answer was given, and all of it before', async () => {
    const one = open();
    const headers = await injected(one);
    let level = (): number => -1;
    await one.runWithContext(headers, async () => {
      const here = AsyncLocalStorage.snapshot();
      level = () => here(() => one.database.current.level);
      expect(level()).toBe(1);
    });
    expect(level()).toBe(0);
    await one.runWithContext(await injected(one), () => {
      const here = AsyncLocalStorage.snapshot();
      level = () => here(() => one.database.current.level);
    });
    expect(level()).toBe(1);
  });
});

describe('a forged context', () => {
  afterEach(() => vi.useRealTimers());

  it.each<[string, string, (body: Record<string, unknown>) => void]>([
    ['a wrong signature', 'signature is wrong', () => {}],
  ])('with %s is refused', async (_name, message, change) => {
    const one = open();
    const headers = forge({ ...(await injected(one)), 'sluice-signature': 'f'.repeat(64) }, change);
    await expect(one.runWithContext(headers, currentContext)).rejects.toThrow(message);
  });

  it.each<[string, RegExp, Record<string, unknown>]>([
    ['a level that is none', /level is not a whole number from 0 to 4/, { level: 1.5 }],
    ['a level beyond maxLevel', /level is not a whole number from 0 to 4/, { level: 5 }],
    ['a level as text', /level is not a whole number/, { level: '1' }],
    [
      '10,000 ancestors',
      /larger than 8192 bytes|at most 16/,
      { ancestors: Array.from({ length: 10_000 }, () => ({})) },
    ],
    ['17 ancestors', /at most 16 transactions/, { ancestors: Array.from({ length: 17 }, () => ancestor) }],
    ['an ancestor that is none', /at most 16 transactions/, { ancestors: [{ ...ancestor, backend: 'x' }] }],
    ['a tenant that is an object', /"tenant" is not text/, { tenant: {} }],
    ['baggage that is a list', /"baggage" is not/, { baggage: ['x'] }],
    ['too much of everything', /larger than 8192 bytes/, { baggage: { text: 'x'.repeat(9_000) } }],
  ])('that is signed all the same, with %s, is refused', async (_name, message, fields) => {
    const one = open();
    const headers = await injected(one);
    const bad = forge(headers, (body) => Object.assign(body['context'] as object, fields));
    bad['sluice-signature'] = await signed(bad['sluice-context'] ?? '');
    const before = one.database.stats().clients['default'];
    await expect(one.runWithContext(bad, currentContext)).rejects.toThrow(message);
    await expect(one.runWithContext(bad, currentContext)).rejects.toThrow(InvalidContextError);
    // Nothing was made from it.
    expect(one.database.stats().clients['default']).toEqual(before);
  });

  it('of an unknown version is refused', async () => {
    const one = open();
    const bad = forge(await injected(one), (body) => (body['v'] = 2));
    bad['sluice-signature'] = await signed(bad['sluice-context'] ?? '');
    await expect(one.runWithContext(bad, currentContext)).rejects.toThrow('version is unknown');
  });

  it('that comes twice is refused the second time', async () => {
    const one = open();
    const headers = await injected(one);
    await one.runWithContext(headers, () => {});
    await expect(one.runWithContext(headers, () => {})).rejects.toThrow('it came before (a replay)');
  });

  it('that was signed by a clock an hour away is refused, and says so', async () => {
    const one = open();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
    const headers = await injected(one);
    vi.useRealTimers();
    await expect(one.runWithContext(headers, () => {})).rejects.toThrow(
      'signed 3600 s ago by the clock of this machine',
    );
  });

  it('cannot be made: a secret that is too short, more than 8 KiB of context', async () => {
    expect(() => open({ secret: 'short' })).toThrow('at least 16 characters');
    const { injectContext } = open();
    const baggage = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, 'x'.repeat(300)]));
    expect(() => withContext({ baggage }, () => injectContext({}))).toThrow('larger than 8192 bytes');
    expect(() => withContext({ tenant: '' }, () => {})).toThrow('Give text of 1 to 200 characters');
  });
});

const ancestor = { clientName: 'default', level: 0, transaction: 'checkout', backend: 1 };

async function signed(body: string): Promise<string> {
  const { createHmac } = await import('node:crypto');
  return createHmac('sha256', secret).update(body).digest('hex');
}

await describeWith('NATS', 'the context of a message', () => {
  const opened: NatsConnection[] = [];
  afterEach(async () => {
    for (const connection of opened.splice(0)) await connection.close();
  });

  it('survives two hops of requests', async () => {
    const [one, two, three] = [open(), open(), open()];
    const nats = await connect({ servers: natsUrl });
    opened.push(nats);
    // Not of the stream that outboxes publish into.
    const subject = `hops.${process.pid}`;
    nats.subscribe(`${subject}.second`, {
      callback: (_error, message) => {
        void three
          .runWithContext(message.headers ?? {}, currentContext)
          .then((context) => message.respond(JSON.stringify(context)));
      },
    });
    nats.subscribe(`${subject}.first`, {
      callback: (_error, message) => {
        void two.runWithContext(message.headers ?? {}, async () => {
          const answer = await two.database.transaction(async () => {
            await two.database.current.query('select 1');
            return await nats.request(`${subject}.second`, '', {
              timeout: 5_000,
              headers: two.injectContext(natsHeaders()),
            });
          });
          message.respond(answer.data);
        });
      },
    });
    const answer = await withContext({ ...ambient, timeout: 5_000 }, () =>
      one.database.transaction(async () => {
        await one.database.current.query('select 1');
        return await nats.request(`${subject}.first`, '', {
          timeout: 5_000,
          headers: one.injectContext(natsHeaders()),
        });
      }),
    );
    expect(answer.json()).toMatchObject({ ...ambient, level: 2 });
  });
});
