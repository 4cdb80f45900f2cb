import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { createOutbox, createOutboxTables, defineTopic } from '../../src/outbox/index.ts';
import { brokerKinds } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith } from '../support/servers.ts';
import { until } from '../support/settled.ts';
import type { BrokerShop } from './programs/broker-shop.ts';

/** Kills for each broker, as many of relays as of consumers; 200 in all for a long run. */
const kills = Number(process.env['SLUICE_BROKER_KILLS'] ?? 8);
const points = ['before', 'after', 'at any moment'] as const;
const keys = 12;
const server = useTestDatabase('create table effect (at bigserial primary key, n int not null, key text not null)');
const orders = defineTopic<{ readonly n: number }>('orders.placed');
const program = fileURLToPath(new URL('programs/broker-shop.ts', import.meta.url));
const children = new Set<ChildProcess>();
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const close of closing.splice(0).reverse()) await close();
  await server.sql('truncate effect, sluice_outbox, sluice_inbox');
});

/** Runs a process until it is killed; at any moment: a while after it has done something. @returns whether it was */
async function runAndDie(shop: BrokerShop): Promise<boolean> {
  const child = spawn(process.execPath, [program, JSON.stringify(shop)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const exited = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>;
  child.stdout.resume();
  if (shop.dieAt === 'at any moment') {
    await Promise.race([once(child.stdout, 'data'), exited]);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
    child.kill('SIGKILL');
  }
  const [, signal] = await exited;
  children.delete(child);
  return signal === 'SIGKILL';
}

for (const kind of brokerKinds) {
  await describeWith(kind.server, `kill -9 over ${kind.server}`, () => {
    it(`of ${kills} relays and consumers: nothing lost, nothing twice, in order`, { timeout: 600_000 }, async () => {
      const place = kind.place(`kills-${process.pid}`);
      const database = server.open({ max: 12 });
      await createOutboxTables(database.current);
      const broker = place.open();
      const outbox = createOutbox(database, { broker, secret: 'a secret of all services', pollInterval: 20 });
      closing.push(
        () => place.drop(),
        async () => {
          await outbox.stop();
          await broker.close();
        },
      );
      const shop = { kind: kind.name, url: server.url, place: place.name };
      // RabbitMQ takes no messages before there is a group.
      const known = broker.subscribe({
        topic: orders.name,
        group: 'stock',
        prefetch: 1,
        onMessage: () => {},
        onError: () => {},
      });
      await known.ready;
      await known.close();

      let published = 0;
      let isDying = true;
      const sell = async (): Promise<void> => {
        const count = 4;
        const isRefused = Math.random() < 0.1;
        await database
          .transaction(async () => {
            for (let at = 0; at < count; at += 1) {
              const n = isRefused ? -1 : published + at;
              await outbox.publish(orders, { n }, { key: `key ${n % keys}` });
            }
            if (isRefused) throw new Error('refused');
          })
          .then(
            () => (published += count),
            () => {},
          );
      };
      const selling = (async () => {
        // As fast as they are relayed, so that whoever runs has something to do.
        while (isDying) {
          const waiting = await server.sql('select 1 from sluice_outbox');
          if (waiting.length < 20) await sell();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      })();
      let died = 0;
      const line = async (role: BrokerShop['role'], from: number): Promise<void> => {
        for (let at = from; at < kills / 2; at += 2) {
          const dieAt = points[at % points.length] ?? 'before';
          const dieOf = 1 + Math.floor(Math.random() * (role === 'relay' ? 3 : 8));
          if (await runAndDie({ ...shop, role, dieAt, dieOf })) died += 1;
        }
      };
      const relays = Promise.all([line('relay', 0), line('relay', 1)]).then(() => outbox.start());
      await Promise.all([relays, line('consumer', 0), line('consumer', 1)]).finally(() => (isDying = false));
      await selling;
      expect(died).toBe(2 * Math.ceil(kills / 2));

      const consumer = outbox.consume(
        orders,
        async ({ n }, { key }) => void (await database.query('insert into effect (n, key) values ($1, $2)', [n, key])),
        { group: 'stock' },
      );
      const effects = (): Promise<{ n: number; key: string }[]> => server.sql('select n, key from effect order by at');
      await until('all are handled', async () => (await effects()).length >= published, 60_000);
      // What would come in addition comes before what is published now.
      for (let key = 0; key < keys; key += 1) {
        await outbox.publish(orders, { n: published + key }, { key: `key ${(published + key) % keys}` });
      }
      published += keys;
      await until('the last are handled', async () => (await effects()).length >= published, 20_000);
      await consumer.stop();
      const rows = await effects();
      expect(rows.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(Array.from({ length: published }, (_, n) => n));
      for (const of of Map.groupBy(rows, ({ key }) => key).values()) {
        expect(of.map(({ n }) => n)).toEqual(of.map(({ n }) => n).toSorted((a, b) => a - b));
      }
      expect(await server.sql('select 1 from sluice_outbox')).toEqual([]);
    });
  });
}
