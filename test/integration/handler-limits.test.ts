import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { channelNames } from '../../src/index.ts';
import {
  type ConsumedMessage,
  type Consumer,
  type ConsumeOptions,
  createOutbox,
  createOutboxTables,
  defineTopic,
  type HandlerTimeoutError,
  type Outbox,
} from '../../src/outbox/index.ts';
import { brokerKinds } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith } from '../support/servers.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase('create table effect (at bigserial primary key, n int not null)');
const orders = defineTopic<number>('orders.placed');
const group = 'stock';
const closing: (() => Promise<void>)[] = [];
const reports: unknown[] = [];
const note = (event: unknown): void => void reports.push((event as { readonly error: unknown }).error);

beforeEach(() => {
  reports.length = 0;
  subscribe(channelNames.backgroundError, note);
});
afterEach(async () => {
  unsubscribe(channelNames.backgroundError, note);
  for (const close of closing.splice(0).reverse()) await close();
  await server.sql('truncate effect, sluice_outbox, sluice_inbox, sluice_parked_message');
});
let made = 0;

const effects = async (order = 'at'): Promise<unknown[]> =>
  (await server.sql(`select n from effect order by ${order}`)).map(({ n }) => n);

for (const kind of brokerKinds) {
  interface Shop {
    readonly outbox: Outbox;
    /** Handles orders; those that hang have an effect, and never return. */
    readonly consume: (options: Omit<ConsumeOptions, 'group'>, hangs?: (n: number) => boolean) => Promise<Consumer>;
    /** The messages whose handlers have hung, in their order. */
    readonly hung: readonly ConsumedMessage[];
  }

  const open = async (): Promise<Shop> => {
    made += 1;
    const place = kind.place(`limits-${process.pid}-${made}`);
    const database = server.open({ max: 6 });
    await createOutboxTables(database.current);
    const broker = place.open();
    const outbox = createOutbox(database, { broker });
    closing.push(
      () => place.drop(),
      async () => {
        await outbox.stop();
        await broker.close();
      },
    );
    const hung: ConsumedMessage[] = [];
    return {
      outbox,
      hung,
      consume: async (options, hangs = () => false) => {
        const handler = async (n: number, message: ConsumedMessage): Promise<void> => {
          await database.query('insert into effect (n) values ($1)', [n]);
          if (!hangs(n)) return;
          hung.push(message);
          await new Promise(() => {});
        };
        const consumer = outbox.consume(orders, handler, { group, ...options });
        await consumer.ready;
        return consumer;
      },
    };
  };
  const isOne = (n: number): boolean => n === 1;

  await describeWith(kind.server, `a handler that never returns, over ${kind.server}`, () => {
    it('is rolled back after "maxRuntime", has failed, and is set aside, so that its key goes on', async () => {
      const { outbox, consume, hung } = await open();
      const consumer = await consume({ maxRuntime: 300, attempts: 2, retryDelay: 5, replayInterval: 20 }, isOne);
      for (const n of [1, 2]) await outbox.publish(orders, n, { key: 'one' });
      await outbox.drain();
      await until('the next one of its key is handled', () => consumer.handled === 1);
      expect(await effects()).toEqual([2]);
      expect(hung.map(({ attempt }) => attempt)).toEqual([1, 2]);
      const { messages } = await outbox.parked(orders, { group });
      expect(messages).toMatchObject([{ reason: 'failed', attempts: 2 }]);
      expect(messages[0]?.error).toContain('HandlerTimeoutError: The handler of the consumer "stock/orders.placed"');
      const codes = { code: 'HANDLER_TIMEOUT', messageId: hung[0]?.id };
      expect(reports).toMatchObject([codes, codes]);
      expect(hung.map(({ signal }) => (signal.reason as HandlerTimeoutError).code)).toEqual([
        'HANDLER_TIMEOUT',
        'HANDLER_TIMEOUT',
      ]);

      await outbox.replay(orders, { group });
      await until('it has hung again, and is set aside again', async () => {
        const again = (await outbox.parked(orders, { group })).messages[0];
        return hung.length === 3 && again?.isDue === false && again.attempts === 1;
      });
      expect(await effects()).toEqual([2]);
    });

    it('has failed in the same way where it is the validator of its topic that hangs', async () => {
      const { outbox } = await open();
      let validations = 0;
      const parse = async (value: unknown): Promise<number> => {
        if (!isPublished || value !== 1) return Number(value);
        validations += 1;
        return await new Promise(() => {});
      };
      let isPublished = false;
      const topic = defineTopic<number>('orders.checked', { parse });
      for (const n of [1, 2]) await outbox.publish(topic, n, { key: 'one' });
      isPublished = true;
      const handled: number[] = [];
      const options = { group, maxRuntime: 300, attempts: 2, retryDelay: 5, replayInterval: 20 };
      const consumer = outbox.consume(topic, (n) => void handled.push(n), options);
      await consumer.ready;
      await outbox.drain();
      await until('the next one of its key is handled', () => consumer.handled === 1);
      const { messages } = await outbox.parked(topic, { group });
      expect({ handled, validations, messages }).toMatchObject({
        handled: [2],
        validations: 2,
        messages: [{ reason: 'failed', attempts: 2 }],
      });
      expect(messages[0]?.error).toContain('HandlerTimeoutError: The validator of the topic "orders.checked"');

      await outbox.replay(topic, { group });
      await until('it has hung again, and is set aside again', async () => {
        const again = (await outbox.parked(topic, { group })).messages[0];
        return validations === 3 && again?.isDue === false && again.attempts === 1;
      });
      await outbox.replay(topic, { group });
      await until('it hangs', () => validations === 4);
      await consumer.stop({ timeout: 10 });
    });

    it('lets other keys go on and its consumer stop in time, and comes again elsewhere', async () => {
      const { outbox, consume, hung } = await open();
      const consumer = await consume({}, isOne);
      for (const n of [1, 2, 3]) await outbox.publish(orders, n, { key: `key ${n}` });
      await outbox.drain();
      await until('the others are handled, and it hangs', () => consumer.handled === 2 && hung.length === 1);
      const start = performance.now();
      await consumer.stop({ timeout: 50 });
      expect(performance.now() - start).toBeLessThan(15_000);
      expect(hung[0]?.signal.aborted).toBe(true);
      expect(await effects('n')).toEqual([2, 3]);
      const next = await consume({});
      await until('it is handled', () => next.handled === 1);
      expect(await effects('n')).toEqual([1, 2, 3]);
      expect((await outbox.parked(orders, { group })).messages).toEqual([]);
    });
  });
}
