import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, expect, it } from 'vitest';
import { channelNames, currentContext, type Database, withContext } from '../../src/index.ts';
import {
  createOutbox,
  createOutboxTables,
  defineTopic,
  type MessageBroker,
  type Outbox,
} from '../../src/outbox/index.ts';
import { type BrokerPlace, brokerKinds } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith } from '../support/servers.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase('create table effect (n int not null, key text)');
const secret = 'a secret of all services';
const orders = defineTopic('orders.placed', {
  maxPayload: 1_000,
  parse(value): { readonly n: number } {
    const { n } = value as { readonly n?: unknown };
    if (typeof n !== 'number') throw new TypeError('no number');
    return { n };
  },
});
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await server.sql('truncate effect, sluice_outbox, sluice_inbox, sluice_parked_message');
});
let made = 0;

interface Opened {
  readonly place: BrokerPlace;
  readonly database: Database;
  readonly outbox: Outbox;
  readonly broker: MessageBroker;
}

for (const kind of brokerKinds) {
  const open = async (at?: BrokerPlace): Promise<Opened> => {
    made += 1;
    const place = at ?? kind.place(`flow-${process.pid}-${made}`);
    const database = server.open();
    await createOutboxTables(database.current);
    const broker = place.open();
    const outbox = createOutbox(database, { broker, secret, pollInterval: 50 });
    if (at === undefined) closing.push(() => place.drop());
    closing.push(async () => {
      await outbox.stop();
      await broker.close();
    });
    return { place, database, outbox, broker };
  };

  await describeWith(kind.server, `an outbox over ${kind.server}`, () => {
    it('sends what commits, and handles it once, in the order of its key and in its context', async () => {
      const { database, outbox } = await open();
      const tenants = new Set<unknown>();
      const consumer = outbox.consume(
        orders,
        async ({ n }, { key, attempt }) => {
          tenants.add(currentContext().tenant);
          await database.query('insert into effect (n, key) values ($1, $2)', [n, key]);
          if (n % 10 === 0 && attempt === 1) throw new Error('flaky');
        },
        { group: 'stock', retryDelay: 5 },
      );
      await consumer.ready;
      outbox.start();
      const publish = (n: number): Promise<void> => outbox.publish(orders, { n }, { key: `key ${n % 4}` });
      await withContext({ tenant: 'acme' }, () =>
        database.transaction(async () => {
          for (let n = 0; n < 60; n += 1) await publish(n);
        }),
      );
      await expect(
        database.transaction(async () => {
          await publish(99);
          throw new Error('roll back');
        }),
      ).rejects.toThrow('roll back');
      await until('all are handled', () => consumer.handled >= 60);
      const rows = await server.sql<{ n: number; key: string }>('select n, key from effect order by ctid');
      expect(rows.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n));
      for (const [, of] of Map.groupBy(rows, ({ key }) => key)) {
        expect(of.map(({ n }) => n)).toEqual(of.map(({ n }) => n).toSorted((a, b) => a - b));
      }
      expect([...tenants]).toEqual(['acme']);
    });

    it('gives each attempt a payload of its own', async () => {
      const { database, outbox } = await open();
      const seen: unknown[] = [];
      const consumer = outbox.consume(
        orders,
        (order, { attempt }) => {
          seen.push(structuredClone(order));
          Object.assign(order, { n: -1 });
          if (attempt < 3) throw new Error('flaky');
        },
        { group: 'stock', retryDelay: 1 },
      );
      await consumer.ready;
      await outbox.publish(orders, { n: 7 });
      await outbox.drain();
      await until('it is handled', () => consumer.handled === 1);
      expect(seen).toEqual([{ n: 7 }, { n: 7 }, { n: 7 }]);
      await database.close();
    });

    it('leaves what it has not handled to others of its group once its database is closed', async () => {
      const first = await open();
      const reports: unknown[] = [];
      const note = (report: unknown): void => void reports.push(report);
      subscribe(channelNames.backgroundError, note);
      try {
        const begun = Promise.withResolvers<void>();
        const over = Promise.withResolvers<void>();
        const consumer = first.outbox.consume(
          orders,
          async ({ n }) => {
            begun.resolve();
            await over.promise;
            await first.database.query('insert into effect (n) values ($1)', [n]);
          },
          { group: 'stock', concurrency: 1 },
        );
        await consumer.ready;
        const other = await open(first.place);
        await other.outbox.publish(orders, { n: 1 });
        await other.outbox.drain();
        await begun.promise;
        const closed = first.database.close();
        for (const n of [2, 3]) await other.outbox.publish(orders, { n });
        await other.outbox.drain();
        over.resolve();
        await closed;
        const heir = other.outbox.consume(
          orders,
          async ({ n }) => void (await other.database.query('insert into effect (n) values ($1)', [n])),
          { group: 'stock' },
        );
        await until('the others are handled', () => heir.handled === 2);
        expect(await server.sql('select n from effect order by n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
        expect(reports).toEqual([]);
      } finally {
        unsubscribe(channelNames.backgroundError, note);
      }
    });

    it('sets aside what cannot be handled, with its reason, goes on, and replays it once', async () => {
      const { database, outbox, broker } = await open();
      let isBroken = true;
      const consumer = outbox.consume(
        orders,
        async ({ n }) => {
          if (n === 13 && isBroken) throw new Error('sold out');
          await database.query('insert into effect (n) values ($1)', [n]);
        },
        { group: 'stock', attempts: 2, retryDelay: 5, replayInterval: 20 },
      );
      await consumer.ready;
      const send = (id: string, body: string): Promise<unknown> =>
        broker.publish([{ id, topic: orders.name, key: 'one', body: Buffer.from(body), headers: {} }]);
      await send('unsigned', '{"n":1}');
      await send('large', JSON.stringify({ n: 'x'.repeat(2_000) }));
      await outbox.publish(orders, { n: 13 }, { key: 'one' });
      await outbox.publish(orders, { n: 14 }, { key: 'one' });
      await outbox.drain();
      await until('the last one is handled', () => consumer.handled === 1);
      const { messages } = await outbox.parked(orders, { group: 'stock' });
      expect(messages.map(({ reason }) => reason)).toEqual(['untrusted', 'too large', 'failed']);
      expect(messages.at(-1)?.error).toBe('Error: sold out');
      isBroken = false;
      expect(await outbox.replay(orders, { group: 'stock', numbers: [messages.at(-1)?.number ?? ''] })).toBe(1);
      await until('it is handled', () => consumer.handled === 2);
      expect((await server.sql('select n from effect order by n')).map(({ n }) => n)).toEqual([13, 14]);
      expect((await outbox.parked(orders, { group: 'stock' })).messages).toHaveLength(2);
    });
  });
}
