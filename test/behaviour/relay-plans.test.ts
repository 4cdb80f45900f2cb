import { expect } from 'vitest';
import { addToOutbox, createOutbox, createOutboxTables, defineTopic } from '../../src/outbox/index.ts';
import { engine, itWith, useTestDatabase } from '../support/database.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { rowsReadOf } from '../support/rows-read.ts';

const server = useTestDatabase();
const orders = defineTopic<number>('orders');
const channel = 'plans';
const count = 10_000;
const customers = 1_000;
const batchSize = 500;

itWith('several writers')(
  'reads each message a few times where the server knows nothing of the table yet',
  { timeout: 120_000 },
  async () => {
    const database = server.open({ max: 1 });
    await createOutboxTables(database.current);
    const name = engine.name === 'mariadb' ? 'mariadb' : 'postgres';
    if (name === 'postgres') await server.sql('alter table sluice_outbox set (autovacuum_enabled = false)');
    // Keys so long that their index is a taller tree than that of the messages that wait.
    const messages = Array.from({ length: count }, (_, n) => ({
      channel,
      queue: orders.name,
      id: String(n),
      key: `${'customer '.repeat(30)}${n % customers}`,
      payload: { payload: n },
    }));
    await addToOutbox(database.current, messages);
    const outbox = createOutbox(database, { broker: memoryBroker()(), channel, batchSize });
    const before = await rowsReadOf(database, 'sluice_outbox', name);
    expect(await outbox.drain()).toBe(count);
    const read = (await rowsReadOf(database, 'sluice_outbox', name)) - before;
    expect(read).toBeLessThan(20 * count);
  },
);
