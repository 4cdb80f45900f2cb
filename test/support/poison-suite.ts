import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { createOutbox, createOutboxTables, defineTopic } from '../../src/outbox/index.ts';
import type { PoisonedConsumer } from '../processes/programs/poisoned-consumer.ts';
import type { BrokerKind } from './brokers.ts';
import type { TestDatabase } from './database.ts';
import { until } from './settled.ts';

const program = fileURLToPath(new URL('../processes/programs/poisoned-consumer.ts', import.meta.url));
const orders = defineTopic<number>('orders.placed');
const group = 'stock';
const attempts = 2;
const innocent = [1, 2, 3, 4, 5, 6, 14];

/** A message whose handler ends its process: it is set aside after so many starts, and takes no others with it. */
export function poisonSuite(server: TestDatabase, engine: string, kind: BrokerKind): void {
  const children = new Set<ChildProcess>();
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it('sets it aside after "attempts" starts without an end, and handles all others', { timeout: 60_000 }, async () => {
    const place = kind.place(`poison-${engine}-${process.pid}`);
    const database = server.open({ max: 4 });
    await createOutboxTables(database.current);
    for (const table of ['effect', 'sluice_inbox', 'sluice_parked_message']) await server.sql(`delete from ${table}`);
    const broker = place.open();
    const outbox = createOutbox(database, { broker });
    const consumer: PoisonedConsumer = { engine, url: server.url, kind: kind.name, place: place.name, attempts };
    const effects = async (): Promise<number[]> =>
      (await server.sql('select n from effect order by n')).map(({ n }) => Number(n));
    const parked = async (): Promise<unknown[]> => [...(await outbox.parked(orders, { group })).messages];

    /** Runs a process until it ends, or `isDone`. @returns whether it has ended by itself */
    const run = async (isDone: () => Promise<boolean>): Promise<boolean> => {
      const child = spawn(process.execPath, ['--no-warnings', program, JSON.stringify(consumer)], { stdio: 'inherit' });
      children.add(child);
      let hasEnded = false;
      const exited = once(child, 'exit').then(() => (hasEnded = true));
      await until('it has ended or all is done', async () => hasEnded || (await isDone()), 20_000);
      const hasDied = hasEnded;
      child.kill('SIGKILL');
      await exited;
      children.delete(child);
      return hasDied;
    };
    try {
      const known = outbox.consume(orders, () => {}, { group });
      await known.ready;
      await known.stop();
      const [poison, ...others] = [13, ...innocent];
      await outbox.publish(orders, poison ?? 13, { key: 'one' });
      for (const n of others) await outbox.publish(orders, n, { key: n === 14 ? 'one' : `key ${n}` });
      await outbox.drain();
      let deaths = 0;
      while (await run(async () => (await effects()).length === innocent.length)) {
        deaths += 1;
        expect(deaths).toBeLessThan(6);
      }
      // The first one is noted by the broker alone.
      expect(deaths).toBe(1 + attempts);
      expect(await effects()).toEqual(innocent);
      const ended = { reason: 'failed', attempts, error: expect.stringContaining('HandlerCrashedError') as string };
      expect(await parked()).toMatchObject([ended]);

      expect(await outbox.replay(orders, { group })).toBe(1);
      expect(await run(() => Promise.resolve(false))).toBe(true);
      const again = { isDue: false, attempts: 1, error: expect.stringContaining('Its process ended') as string };
      expect(await parked()).toMatchObject([again]);
    } finally {
      await outbox.stop();
      await broker.close();
      await place.drop();
    }
  });
}
