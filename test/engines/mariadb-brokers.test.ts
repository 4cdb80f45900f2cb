import { expect, it } from 'vitest';
import { createOutbox, createOutboxTables, defineTopic } from '../../src/outbox/index.ts';
import { brokerKinds } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith } from '../support/servers.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase('create table effect (n int not null)');
const orders = defineTopic<number>('orders.placed');

for (const kind of brokerKinds) {
  await describeWith(kind.server, `an outbox of MariaDB over ${kind.server}`, () => {
    it('handles each message once, sets aside what fails, and replays it', async () => {
      const place = kind.place(`mariadb-${process.pid}`);
      const database = server.open({ max: 4 });
      await createOutboxTables(database.current);
      for (const table of ['effect', 'sluice_inbox', 'sluice_parked_message']) await server.sql(`delete from ${table}`);
      const broker = place.open();
      const outbox = createOutbox(database, { broker });
      let isBroken = true;
      const consumer = outbox.consume(
        orders,
        async (n) => {
          await database.query('insert into effect (n) values ($1)', [n]);
          if (n === 2 && isBroken) throw new Error('sold out');
        },
        { group: 'stock', attempts: 2, retryDelay: 1, replayInterval: 20 },
      );
      await consumer.ready;
      await database.transaction(async () => {
        for (const n of [1, 2, 3]) await outbox.publish(orders, n, { key: 'one' });
      });
      await outbox.drain();
      const effects = async (): Promise<number[]> =>
        (await server.sql('select n from effect')).map(({ n }) => Number(n));
      await until('the others are handled', () => consumer.handled === 2);
      expect(await effects()).toEqual([1, 3]);
      expect((await outbox.parked(orders, { group: 'stock' })).messages).toMatchObject([{ reason: 'failed' }]);
      isBroken = false;
      expect(await outbox.replay(orders, { group: 'stock' })).toBe(1);
      await until('it is handled', () => consumer.handled === 3);
      expect(await effects()).toEqual([1, 3, 2]);
      await outbox.stop();
      await broker.close();
      await place.drop();
    });
  });
}
