import { expect, it } from 'vitest';
import { createOutbox, createOutboxTables, defineTopic } from '../../src/outbox/index.ts';
import { brokerKinds } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith } from '../support/servers.ts';
import { until } from '../support/settled.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase('create table effect (at bigserial primary key, n int not null, key text not null)');
const orders = defineTopic<{ readonly n: number }>('orders.placed');
const keys = 4;
/** How long connections are refused, in seconds; 60 for a long run. */
const outage = Number(process.env['SLUICE_BROKER_OUTAGE'] ?? 2);

for (const kind of brokerKinds) {
  await describeWith(kind.server, `an outbox whose ${kind.server} goes away`, () => {
    it(`loses nothing while it is cut, and refuses connections for ${outage} s`, { timeout: 300_000 }, async () => {
      const place = kind.place(`outage-${process.pid}`);
      await using proxy = await startProxy(kind.url);
      const database = server.open({ max: 4 });
      await createOutboxTables(database.current);
      await server.sql('truncate effect, sluice_outbox, sluice_inbox');
      const broker = place.open(proxy.url);
      const outbox = createOutbox(database, { broker, pollInterval: 50, retryDelay: 20, batchSize: 20 });
      const consumer = outbox.consume(
        orders,
        async ({ n }, { key }) => void (await database.query('insert into effect (n, key) values ($1, $2)', [n, key])),
        { group: 'stock', retryDelay: 20 },
      );
      await consumer.ready;
      outbox.start();
      let published = 0;
      const sell = async (): Promise<void> => {
        await database.transaction(() => outbox.publish(orders, { n: published }, { key: `key ${published % keys}` }));
        published += 1;
      };
      const sellFor = async (duration: number): Promise<void> => {
        const end = performance.now() + duration;
        while (performance.now() < end) await sell();
      };
      const handled = async (): Promise<number> => (await server.sql('select 1 from effect')).length;
      try {
        await sellFor(200);
        // Some cuts in the middle of batches, then a time without it.
        for (let cuts = 0; cuts < 3; cuts += 1) {
          const before = await handled();
          await sellFor(100);
          await until('it goes on', async () => (await handled()) > before, 20_000);
          proxy.cut();
        }
        proxy.refuse(true);
        proxy.cut();
        const before = published;
        await sellFor(outage * 1_000);
        expect(published).toBeGreaterThan(before + 10);
        expect(await handled()).toBeLessThan(published);
        proxy.refuse(false);
        await until('all are handled', async () => (await handled()) >= published, 120_000);
        const rows = await server.sql<{ n: number; key: string }>('select n, key from effect order by at');
        expect(rows.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: published }, (_, n) => n),
        );
        for (const of of Map.groupBy(rows, ({ key }) => key).values()) {
          expect(of.map(({ n }) => n)).toEqual(of.map(({ n }) => n).toSorted((a, b) => a - b));
        }
        expect((await outbox.parked(orders, { group: 'stock' })).messages).toEqual([]);
      } finally {
        await outbox.stop({ timeout: 2_000 });
        await broker.close();
        await place.drop();
      }
    });
  });
}

async function startProxy(url: string): Promise<Awaited<ReturnType<typeof startTcpProxy>> & AsyncDisposable> {
  const proxy = await startTcpProxy(url);
  return { ...proxy, [Symbol.asyncDispose]: () => proxy.close() };
}
