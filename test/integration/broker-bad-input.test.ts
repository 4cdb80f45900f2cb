import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { channelNames, createDatabase, type Database } from '../../src/index.ts';
import {
  type Consumer,
  createOutbox,
  createOutboxTables,
  defineTopic,
  type MessageBroker,
  type Outbox,
  type ReceivedParkedMessage,
} from '../../src/outbox/index.ts';
import { seal } from '../../src/outbox/topics/index.ts';
import { type BrokerPlace, brokerKinds, type ForeignMessage, type ForeignSender } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith } from '../support/servers.ts';
import { signal, until } from '../support/settled.ts';

const server = useTestDatabase('create table effect (n int not null)');
const secret = 'a secret of all services';
/** What is in each payload, and has to be nowhere else. */
const hush = 'hush-4711';
const day = 86_400_000;
const maxPayload = 2_000;
const orders = defineTopic('orders.placed', {
  maxPayload,
  parse(value): { readonly n: number } {
    const { n } = value as { readonly n?: unknown };
    if (typeof n !== 'number') throw new TypeError('no number');
    return { n };
  },
});

interface Signing {
  readonly by?: string;
  readonly at?: number;
  readonly context?: object;
  readonly topic?: string;
}

/** As ours are. */
function signed(id: string, body: string | Uint8Array, signing: Signing = {}): ForeignMessage {
  const { by = secret, at = Date.now(), context = {}, topic = orders.name } = signing;
  const message = { id, topic, key: 'one', body: Buffer.from(body) };
  const clock = vi.spyOn(Date, 'now').mockReturnValue(at);
  try {
    return { ...message, topic: orders.name, headers: seal(message, { context, headers: {} }, by) };
  } finally {
    clock.mockRestore();
  }
}

const good = (n: number): ForeignMessage => signed(`good ${n}`, JSON.stringify({ n, name: hush }));
const ordinary = JSON.stringify({ n: -1, name: hush });

/** Each is sent with the key of the good message behind it. `reason`: undefined where the consumer never gets it. */
const bad: readonly (readonly [name: string, reason: string, message: () => ForeignMessage])[] = [
  ['no JSON', 'malformed', () => signed('text', `{"n": ${hush}`)],
  ['nothing', 'malformed', () => signed('empty', '')],
  ['no UTF-8', 'malformed', () => signed('bytes', Buffer.from([0x22, 0xff, 0xfe, 0x22]))],
  ['"__proto__"', 'malformed', () => signed('proto', `{"n": 1, "name": "${hush}", "__proto__": {"isAdmin": true}}`)],
  [
    'an escaped "__proto__" in a list',
    'malformed',
    () => signed('deep', `{"n": 1, "of": [{"\\u005f_proto__": {"${hush}": 1}}]}`),
  ],
  [
    '"constructor.prototype"',
    'malformed',
    () => signed('constructor', `{"n": 1, "constructor": {"prototype": {"${hush}": 1}}}`),
  ],
  ['a property too few', 'invalid', () => signed('few', JSON.stringify({ name: hush }))],
  ['null', 'invalid', () => signed('null', 'null')],
  ['a list in lists, very deep', 'invalid', () => signed('nested', `${'['.repeat(900)}${']'.repeat(900)}`)],
  ['too much', 'too large', () => signed('large', JSON.stringify({ n: 1, name: hush.repeat(maxPayload) }))],
  ['no signature', 'untrusted', () => ({ ...signed('unsigned', ordinary), headers: {} })],
  ['the signature of another secret', 'untrusted', () => signed('forged', ordinary, { by: `not ${secret}` })],
  [
    'another body',
    'untrusted',
    () => ({ ...signed('changed', ordinary), body: Buffer.from(`{"n": 2, "a": "${hush}"}`) }),
  ],
  ['another id', 'untrusted', () => ({ ...signed('first', ordinary), id: 'second' })],
  ['the signature of another topic', 'untrusted', () => signed('other', ordinary, { topic: 'orders.cancelled' })],
  ['an old signature', 'untrusted', () => signed('old', ordinary, { at: Date.now() - 8 * day })],
  ['a signature of the future', 'untrusted', () => signed('future', ordinary, { at: Date.now() + 8 * day })],
  ['a context that is none', 'untrusted', () => signed('context', ordinary, { context: { tenant: { a: hush } } })],
  ['no id', 'malformed', () => ({ topic: orders.name, key: 'one', body: Buffer.from(ordinary), headers: {} })],
  ['an id with a zero byte', 'malformed', () => signed(`a\0b`, ordinary)],
];

async function forget(): Promise<void> {
  await server.sql('truncate effect, sluice_inbox, sluice_parked_message');
}

for (const kind of brokerKinds) {
  await describeWith(kind.server, `bad messages over ${kind.server}`, () => {
    const reports: unknown[] = [];
    const note = (event: unknown): void => void reports.push(event);
    let place: BrokerPlace;
    let database: Database<'default'>;
    let broker: MessageBroker;
    let outbox: Outbox;
    let consumer: Consumer;
    let sender: ForeignSender;
    let sent = 0;

    beforeAll(async () => {
      subscribe(channelNames.backgroundError, note);
      process.on('warning', note);
      place = kind.place(`bad-${process.pid}`);
      database = createDatabase({ clients: { default: server.client({ max: 4 }) } });
      await createOutboxTables(database.current);
      await forget();
      broker = place.open();
      outbox = createOutbox(database, { broker, secret });
      consumer = outbox.consume(
        orders,
        async ({ n }) => void (await database.query('insert into effect (n) values ($1)', [n])),
        { group: 'stock', attempts: 2, retryDelay: 1 },
      );
      await consumer.ready;
      sender = await place.sender();
    });
    afterAll(async () => {
      unsubscribe(channelNames.backgroundError, note);
      process.off('warning', note);
      await sender.close();
      await outbox.stop();
      await broker.close();
      await place.drop();
      await database.close({ timeout: 1_000 });
    });

    const parked = async (): Promise<readonly ReceivedParkedMessage[]> =>
      (await outbox.parked(orders, { group: 'stock' })).messages;
    const effects = async (): Promise<number[]> =>
      (await server.sql<{ n: number }>('select n from effect order by ctid')).map(({ n }) => n);
    /** A good message, of the same key, has to be handled behind what was sent. */
    const goesOn = async (): Promise<void> => {
      sent += 1;
      const n = sent;
      await sender.send(good(n));
      await until('the next message is handled', async () => (await effects()).includes(n), 2_000);
    };
    /** @returns what was set aside meanwhile */
    const parkedBy = async (messages: readonly ForeignMessage[]): Promise<readonly ReceivedParkedMessage[]> => {
      const before = new Set((await parked()).map(({ number }) => number));
      for (const message of messages) await sender.send(message);
      await goesOn();
      return (await parked()).filter(({ number }) => !before.has(number));
    };

    it.each(bad)('sets aside: %s', async (_name, reason, message) => {
      const [row, ...others] = await parkedBy([message()]);
      expect(others).toEqual([]);
      expect(row).toMatchObject({ reason, attempts: 0, isDue: false });
    });

    it('sets aside a message that came by another way than that of its topic', async () => {
      const rows = await parkedBy([
        { ...signed('elsewhere', ordinary), topic: 'unknown', into: 'orders.placed.stock' },
      ]);
      // The subjects of NATS decide who gets a message.
      expect(rows.map(({ reason }) => reason)).toEqual(kind.name === 'nats' ? [] : ['foreign']);
    });

    it.each(['application/json', 'text/plain'])(
      'sets aside what says that it is %s, and is not',
      async (contentType) => {
        const rows = await parkedBy([{ ...signed(`a ${contentType}`, `{"n": ${hush}`), contentType }]);
        expect(rows.map(({ reason }) => reason)).toEqual(['malformed']);
      },
    );

    it('handles a message that comes again once, and those that come out of order as they come', async () => {
      const before = await effects();
      const [first, second] = [good(-10), good(-11)];
      expect(await parkedBy([second, first, second, first, first])).toEqual([]);
      expect((await effects()).filter((n) => !before.includes(n))).toEqual([-11, -10, sent]);
    });

    it('handled nothing else, and said nothing of a payload', async () => {
      expect(await effects()).not.toContain(-1);
      expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
      for (const { error } of await parked()) expect(error).not.toContain(hush);
      expect(inspect(reports, { depth: 10, maxStringLength: Infinity })).not.toContain(hush);
    });
  });

  await describeWith(kind.server, `a consumer over ${kind.server} without its tables`, () => {
    afterAll(() => createOutboxTables(server.open().current));

    it('is not ready', async () => {
      const database = server.open();
      await createOutboxTables(database.current);
      await server.sql('drop table sluice_parked_message');
      const place = kind.place(`tables-${process.pid}`);
      const broker = place.open();
      const outbox = createOutbox(database, { broker, secret });
      const consumer = outbox.consume(orders, () => {}, { group: 'stock' });
      await expect(consumer.ready).rejects.toMatchObject({
        code: 'OUTBOX_MISSING',
        remedy: expect.stringContaining('createOutboxTables(db)'),
      });
      await outbox.stop();
      await broker.close();
      await place.drop();
    });
  });

  await describeWith(kind.server, `a consumer over ${kind.server} that is ended before its COMMIT`, () => {
    /** @returns the effects, when one consumer was ended in its handler and another one has taken over */
    const effectsOf = async (isSabotaged: boolean): Promise<number[]> => {
      await createOutboxTables(server.open().current);
      await forget();
      const place = kind.place(`ack-${process.pid}-${isSabotaged}`);
      const open = async (
        onOrder: (n: number, stopped: AbortSignal, database: Database) => Promise<void>,
      ): Promise<readonly [Outbox, MessageBroker]> => {
        const database = server.open({ max: 4 });
        const real = place.open();
        const broker = isSabotaged ? acknowledgesFirst(real) : real;
        const outbox = createOutbox(database, { broker, secret });
        const consumer = outbox.consume(
          orders,
          async ({ n }, { signal: stopped }) => {
            await database.query('insert into effect (n) values ($1)', [n]);
            await onOrder(n, stopped, database);
          },
          { group: 'stock', retryDelay: 1 },
        );
        await consumer.ready;
        return [outbox, real];
      };
      const begun = signal();
      const [first, firstBroker] = await open(async (_, stopped) => {
        begun.fire();
        await once(stopped, 'abort');
        throw stopped.reason;
      });
      const sender = await place.sender();
      await sender.send(good(1));
      await begun.promise;
      await first.stop({ timeout: 0 });
      await firstBroker.close();
      const handled = signal();
      const [next, nextBroker] = await open(async (n, _, database) => {
        if (n === 2) database.current.commit(handled.fire);
      });
      await sender.send(good(2));
      await handled.promise;
      await next.stop();
      await Promise.all([nextBroker.close(), sender.close()]);
      await place.drop();
      return (await server.sql<{ n: number }>('select n from effect order by n')).map(({ n }) => n);
    };

    it('leaves its message to the next one', async () => {
      expect(await effectsOf(false)).toEqual([1, 2]);
    });

    it('loses it where it is acknowledged first', async () => {
      expect(await effectsOf(true)).toEqual([2]);
    });
  });
}

function acknowledgesFirst(broker: MessageBroker): MessageBroker {
  return {
    ...broker,
    subscribe: (options) =>
      broker.subscribe({
        ...options,
        onMessage(message) {
          message.ack();
          options.onMessage({ ...message, ack: () => {} });
        },
      }),
  };
}
