import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelNames, currentContext, type Database, withContext } from '../../src/index.ts';
import {
  addToOutbox,
  createOutboxTables,
  createRelay,
  findInInbox,
  inContextOf,
  type OutboxMessage,
  outboxTablesSql,
  type ParkedMessage,
  parkedMessages,
  recordInInbox,
  type Relay,
  type RelayOptions,
  RelayUnavailableError,
  replayParked,
} from '../../src/outbox/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { oddErrors } from '../support/odd-errors.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
const relays: Relay[] = [];
const errors: unknown[] = [];
const note = (event: unknown): void => void errors.push((event as { error: unknown }).error);
let database: Database<'default'>;

beforeEach(async () => {
  database = server.open({ max: 3 });
  await createOutboxTables(database.current);
  for (const table of ['sluice_outbox', 'sluice_inbox']) await server.sql(`delete from ${table}`);
  errors.length = 0;
  subscribe(channelNames.backgroundError, note);
});
afterEach(async () => {
  unsubscribe(channelNames.backgroundError, note);
  for (const relay of relays.splice(0)) await relay.stop();
});

function relay(deliver: RelayOptions['deliver'], options: Partial<RelayOptions> = {}, on = database): Relay {
  const made = createRelay(on, { channel: 'nats', deliver, pollInterval: 50, retryDelay: 10, ...options });
  relays.push(made);
  return made;
}
const add = (payload: unknown, key?: string, queue = 'order'): Promise<void> =>
  addToOutbox(database.current, [{ channel: 'nats', queue, key, payload }]);
const left = async (): Promise<number> => (await server.sql('select 1 from sluice_outbox')).length;
const untilParked = async (): Promise<readonly ParkedMessage[]> => {
  let parked: readonly ParkedMessage[] = [];
  await until('it is parked', async () => (parked = await parkedMessages(database.current, 'nats')).length > 0);
  return parked;
};
const payloads = (messages: readonly OutboxMessage[]): unknown[] => messages.map(({ payload }) => payload);

describe('the outbox', () => {
  it('holds what committed, and nothing else', async () => {
    await database.transaction(async () => {
      await insert(database, 1);
      await add('committed');
      await rejection(
        database.transaction(
          async () => {
            await add('rolled back to a savepoint');
            throw new Error('no');
          },
          { propagation: 'NESTED' },
        ),
      );
    });
    await rejection(
      database.transaction(async () => {
        await add('rolled back');
        throw new Error('no');
      }),
    );
    const got: unknown[] = [];
    expect(await relay(async (messages) => void got.push(...payloads(messages))).drain()).toBe(1);
    expect(got).toEqual(['committed']);
    expect(await left()).toBe(0);
  });

  it('gives id, queue, key, payload and context to whoever delivers', async () => {
    const message = {
      channel: 'nats',
      id: 'm-1',
      queue: 'order.placed',
      key: 'o-1',
      payload: { a: [1] },
      context: { b: 2 },
    };
    await addToOutbox(database.current, [message, { ...message, id: 'm-2', channel: 'other' }]);
    const got: OutboxMessage[] = [];
    await relay(async (messages) => void got.push(...messages)).drain();
    const { channel: _, ...rest } = message;
    expect(got).toEqual([{ ...rest, attempts: 0 }]);
    expect(await left()).toBe(1);
  });

  it('is relayed in batches, a poke or a moment after the commit', async () => {
    const got: unknown[] = [];
    const batches: number[] = [];
    const running = relay(
      async (messages) => {
        batches.push(messages.length);
        got.push(...payloads(messages));
      },
      { batchSize: 10, pollInterval: 60_000 },
    );
    running.start();
    await database.transaction(async () => {
      for (let index = 0; index < 25; index += 1) await add(index);
      database.current.commit(() => running.poke());
    });
    await until('all have come', () => got.length === 25);
    expect(Math.max(...batches)).toBeLessThanOrEqual(10);
    expect(got).toEqual(Array.from({ length: 25 }, (_, index) => index));
  });

  itWith('several writers')('loses nothing whose id is lower and whose commit is later', async () => {
    const got: unknown[] = [];
    const running = relay(async (messages) => void got.push(...payloads(messages)));
    const [written, commit] = [signal(), signal()];
    const slow = database.transaction(async () => {
      await add('first written');
      written.fire();
      await commit.promise;
    });
    await written.promise;
    await add('first committed');
    await running.drain();
    expect(got).toEqual(['first committed']);
    commit.fire();
    await slow;
    await running.drain();
    expect(got).toEqual(['first committed', 'first written']);
  });

  it('several relays deliver everything once, and keep the order of each key', { timeout: 60_000 }, async () => {
    const keys = 5;
    const each = 60;
    for (let index = 0; index < each; index += 1) {
      await addToOutbox(
        database.current,
        Array.from({ length: keys + 1 }, (_, key) => ({
          channel: 'nats',
          queue: 'order',
          key: key === keys ? undefined : `k${key}`,
          payload: [key, index],
        })),
      );
    }
    const got: [number, number][] = [];
    const wide = server.open({ max: 6 });
    for (let index = 0; index < 4; index += 1) {
      relay(
        async (messages) => {
          // Time for others to overtake, if they could.
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
          got.push(...(payloads(messages) as [number, number][]));
        },
        { batchSize: 7, pollInterval: 10 },
        wide,
      ).start();
    }
    await until('all have come', () => got.length >= (keys + 1) * each, 30_000);
    expect(new Set(got.map(String)).size).toBe((keys + 1) * each);
    for (let key = 0; key < keys; key += 1) {
      expect(got.filter(([of]) => of === key).map(([, index]) => index)).toEqual([
        ...Array.from({ length: each }).keys(),
      ]);
    }
    expect(got).toHaveLength((keys + 1) * each);
  });

  it('parks a message that keeps failing, with its error; others go on, those of its key wait for it until then', async () => {
    let mayPass = false;
    const got: unknown[] = [];
    const running = relay(
      async (messages) => {
        if (!mayPass && payloads(messages).includes('bad')) throw new TypeError('cannot read it');
        got.push(...payloads(messages));
      },
      { maxAttempts: 3 },
    );
    await add('bad', 'k1');
    await add('after it', 'k1');
    await add('elsewhere', 'k2');
    running.start();
    await until('the others have come', () => got.length === 2);
    expect(got).toEqual(['elsewhere', 'after it']);
    const [parked, ...more] = await parkedMessages(database.current, 'nats');
    expect(more).toEqual([]);
    expect(parked).toMatchObject({ payload: 'bad', attempts: 3, lastError: 'TypeError: cannot read it' });
    expect(parked?.parkedAt).toBeInstanceOf(Date);
    mayPass = true;
    expect(await replayParked(database.current, 'nats', ['999999'])).toBe(0);
    expect(await replayParked(database.current, 'nats', [parked?.number ?? ''])).toBe(1);
    await until('it has come', () => got.includes('bad'));
    await until('nothing is left', async () => (await left()) === 0);
    expect(errors.length).toBeGreaterThanOrEqual(3);
  });

  it.each(oddErrors)('parks a message whose error has %s; its neighbours come once', async (_what, make) => {
    const got: unknown[] = [];
    const running = relay(
      async (messages) => {
        if (payloads(messages).includes('bad')) throw make();
        got.push(...payloads(messages));
      },
      { maxAttempts: 2 },
    );
    for (const payload of ['before', 'bad', 'after']) await add(payload);
    running.start();
    const parked = await untilParked();
    expect(parked).toMatchObject([{ payload: 'bad', attempts: 2 }]);
    expect(parked[0]?.lastError).toBeTypeOf('string');
    expect(got).toEqual(['before', 'after']);
    expect(await left()).toBe(1);
  });

  it('counts no attempt while the other side is not there', async () => {
    let there = false;
    const got: unknown[] = [];
    let tries = 0;
    const running = relay(
      async (messages) => {
        tries += 1;
        if (!there) throw new RelayUnavailableError({ what: 'away', remedy: 'wait' });
        got.push(...payloads(messages));
      },
      { maxAttempts: 2 },
    );
    await add('patient');
    running.start();
    await until('it was tried more often than it may fail', () => tries > 3);
    there = true;
    await until('it has come', () => got.length === 1);
    expect(await parkedMessages(database.current, 'nats')).toEqual([]);
  });

  it('delivers what it was poked for before it is stopped', async () => {
    const seen: unknown[] = [];
    const running = relay(async (messages) => void seen.push(...payloads(messages)));
    running.start();
    await add('last');
    running.poke();
    await running.stop();
    expect(seen).toEqual(['last']);
  });

  itWith('sessions')(
    'delivers again what was delivered and not deleted, and not inside of its own transaction',
    async () => {
      const seen: boolean[] = [];
      let fail = true;
      await add('twice');
      const running = relay(async () => {
        seen.push(database.current.inTransaction);
        if (!fail) return;
        fail = false;
        // The relay dies between the delivery and its commit.
        await server.kill();
      });
      running.start();
      await until('it came twice', () => seen.length === 2);
      await until('it is gone', async () => (await left()) === 0);
      expect(seen).toEqual([false, false]);
    },
  );

  it('ends cleanly, also when it was never begun', async () => {
    const [begun, end] = [signal(), signal()];
    const running = relay(async () => {
      begun.fire();
      await end.promise;
    });
    await add('x');
    running.start();
    await begun.promise;
    const stopped = running.stop();
    end.fire();
    await stopped;
    expect(await left()).toBe(0);
    await relay(async () => {}).stop();
  });

  it('ends although deliver never returns, and gives the messages back', { timeout: 30_000 }, async () => {
    const begun = signal();
    const hanging = relay(async () => {
      begun.fire();
      await new Promise<never>(() => {});
    });
    await add('x');
    hanging.start();
    await begun.promise;
    await hanging.stop({ timeout: 50 });
    expect(errors).toMatchObject([{ code: 'RELAY_UNAVAILABLE' }]);
    expect(database.stats().clients.default.used).toBe(0);
    const got: OutboxMessage[] = [];
    const next = relay(async (messages) => void got.push(...messages));
    next.start();
    await until('another one has delivered it', () => got.length === 1);
    expect(got).toMatchObject([{ payload: 'x', attempts: 0 }]);
    expect(await rejection(next.stop({ timeout: -1 }))).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('says what is to be done where its tables are missing', async () => {
    for (const table of ['sluice_outbox', 'sluice_inbox']) await server.sql(`drop table ${table}`);
    const failures = [
      rejection(add('x')),
      rejection(findInInbox(database.current, 'c', ['x'])),
      rejection(relay(async () => {}).drain()),
    ];
    for (const error of await Promise.all(failures)) {
      expect(error).toMatchObject({ code: 'OUTBOX_MISSING' });
      expect(error.message).toContain('createOutboxTables');
    }
    await createOutboxTables(database.current);
    await createOutboxTables(database.current);
    await add('x');
    expect(await left()).toBe(1);
  });

  it('refuses what cannot be: cyclic payloads, missing names, engines without one', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    expect(await rejection(add(cyclic))).toMatchObject({ code: 'UNSERIALIZABLE' });
    expect(await rejection(addToOutbox(database.current, [{ channel: '', queue: 'x', payload: 1 }]))).toMatchObject({
      code: 'INVALID_OPTION',
    });
    expect(() => outboxTablesSql('oracle')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(() => createRelay(database, { channel: 'x' } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    expect(outboxTablesSql('postgres')).toContain('create table if not exists sluice_outbox');
  });
});

describe('the context of a message', () => {
  it('may have baggage of any name', async () => {
    const baggage = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
    await withContext({ baggage }, () => add(1));
    const [row] = await server.sql('select context from sluice_outbox');
    expect(String(row?.['context'])).toContain('{"__proto__":"x"}');
  });
});

describe('the inbox', () => {
  it('lets the effects of a message happen once, and remembers its result', async () => {
    const handle = async (id: string): Promise<void> => {
      await database.transaction(async () => {
        await server.sql('select 1');
        await insert(database, 1);
        await recordInInbox(database.current, 'billing', id, '"paid"');
      });
    };
    await handle('m-1');
    await server.sql('delete from product');
    expect(await rejection(handle('m-1'))).toMatchObject(engine.errors.duplicate);
    expect(await server.products()).toEqual([]);
    expect(await findInInbox(database.current, 'billing', ['m-1', 'm-2'])).toEqual(new Map([['m-1', '"paid"']]));
    expect(await findInInbox(database.current, 'shipping', ['m-1'])).toEqual(new Map());
  });

  it('is forgotten by the relay after its retention', async () => {
    await server.sql(
      `insert into sluice_inbox (consumer, message_id, result, at) values ('c', 'old', '1', ${engine.sql.twoDaysAgo})`,
    );
    await recordInInbox(database.current, 'c', 'new', '2');
    relay(async () => {}, { inboxRetention: 86_400_000 }).start();
    await until(
      'the old one is gone',
      async () => (await server.sql('select message_id from sluice_inbox')).length === 1,
    );
    expect(await server.sql('select message_id from sluice_inbox')).toEqual([{ message_id: 'new' }]);
  });
});

describe('the context of a message', () => {
  const ambient = { tenant: 'acme', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };

  it('is what withContext gave where it was written, and is there again where it is delivered', async () => {
    const contexts: object[] = [];
    const seen: object[] = [];
    await withContext({ ...ambient, baggage: { cart: '7' }, timeout: 20_000 }, () =>
      database.transaction(async () => {
        await add(1);
        await addToOutbox(database.current, [
          { channel: 'nats', queue: 'order', payload: 2, context: { source: 'shop' } },
        ]);
      }),
    );
    await withContext({ tenant: 'other' }, () => add(3));
    await add(4);
    await withContext({ locale: 'de-CH' }, async () => {
      const made = relay(async (messages) => {
        for (const message of messages) {
          contexts.push(message.context);
          seen.push(await inContextOf(message, () => Promise.resolve(currentContext())));
        }
      });
      await made.drain();
    });
    const given = { ...ambient, baggage: { cart: '7' } };
    expect(contexts).toEqual([given, { ...given, source: 'shop' }, { tenant: 'other' }, {}]);
    expect(seen).toEqual([{ level: 0, ...given }, { level: 0, ...given }, { level: 0, tenant: 'other' }, { level: 0 }]);
  });

  it('that somebody has spoilt in the table brings nothing', () => {
    const context = { tenant: 5, traceparent: 'x', locale: 'de', deadline: 1, level: 9 };
    expect(inContextOf({ context }, () => currentContext())).toEqual({ level: 0, locale: 'de' });
  });

  it('is asked of a message alone', () => {
    for (const message of [undefined, null, 'x', {}, { context: undefined }, { context: [] }]) {
      expect(() => inContextOf(message as never, () => 1)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION' }) as Error,
      );
    }
    expect(() => inContextOf({ context: {} }, undefined as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }) as Error,
    );
  });
});

describe('the tables', () => {
  const exist = async (): Promise<boolean> =>
    await server.sql('select 1 from sluice_inbox').then(
      () => true,
      () => false,
    );
  const dropTables = async (): Promise<void> => {
    for (const table of ['sluice_outbox', 'sluice_inbox']) await server.sql(`drop table ${table}`);
  };

  itWith('tables in transactions')('are those of a transaction, and gone with it', async () => {
    await dropTables();
    await rejection(
      database.transaction(async () => {
        await createOutboxTables(database.current);
        await add('in it');
        throw new Error('the migration fails');
      }),
    );
    expect(await exist()).toBe(false);
    await database.transaction(() => createOutboxTables(database.current));
    expect(await exist()).toBe(true);
  });

  it('are created by whatever runs SQL, in its transaction', async () => {
    await dropTables();
    const sent: string[] = [];
    const runner = { query: (text: string) => Promise.resolve(sent.push(text)) };
    expect(await rejection(createOutboxTables(runner))).toMatchObject({ code: 'INVALID_OPTION' });
    expect(await rejection(createOutboxTables({} as never))).toMatchObject({ code: 'INVALID_OPTION' });
    for (const options of [null, 5, 'postgres', { dialect: 'oracle' }, { schema: 'shop' }]) {
      const refused = createOutboxTables(database.current, options as never);
      expect(await rejection(refused)).toMatchObject({ code: 'INVALID_OPTION' });
    }
    const other = database.current.dialect === 'sqlite' ? 'mysql' : 'sqlite';
    const refused = createOutboxTables(database.current, { dialect: other });
    expect(await rejection(refused)).toMatchObject({ code: 'INVALID_OPTION' });
    expect(sent).toEqual([]);
    expect(await exist()).toBe(false);
    const dialect = database.current.dialect as 'postgres';
    await createOutboxTables({ query: (text: string) => server.sql(text) }, { dialect });
    expect(await exist()).toBe(true);
  });
});
