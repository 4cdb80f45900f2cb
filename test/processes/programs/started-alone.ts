// Starts one thing that works in the background, on a file of SQLite with nothing else that keeps a process. It is stopped, or its
// database is closed, when the file that it is told appears in its folder: looked for by a timer that keeps no process either.
import { existsSync } from 'node:fs';
import { sqlite } from '../../../src/drivers/sqlite/index.ts';
import { createEvents, createEventTables, defineEvent } from '../../../src/events/index.ts';
import { createDatabase } from '../../../src/index.ts';
import { createOutbox, createOutboxTables, createRelay } from '../../../src/outbox/index.ts';
import { createSagas, createSagaTables, defineSaga } from '../../../src/saga/index.ts';
import { memoryBroker } from '../../support/memory-broker.ts';

const [what = '', how = '', file = '', sign = ''] = process.argv.slice(2);
const database = createDatabase({ clients: { default: sqlite({ file }) } });

interface Started {
  start(): void;
  stop(): Promise<void>;
}

async function make(): Promise<Started> {
  switch (what) {
    case 'sagas':
      await createSagaTables(database.current);
      return createSagas(database, { sagas: { greet: defineSaga('greet', () => Promise.resolve('hello')) } });
    case 'events': {
      await createEventTables(database.current);
      const events = createEvents(database);
      events.on(defineEvent('order.placed'), { phase: 'durable', id: 'mail' }, () => undefined);
      return events;
    }
    case 'relay':
      await createOutboxTables(database.current);
      return createRelay(database, { channel: 'mail', deliver: () => Promise.resolve() });
    default:
      await createOutboxTables(database.current);
      return createOutbox(database, { broker: memoryBroker()(), secret: 'a secret that is long enough for it' });
  }
}

const made = await make();
made.start();
process.stdout.write('started\n');
const look = setInterval(() => {
  if (!existsSync(sign)) return;
  clearInterval(look);
  process.stdout.write('ending\n');
  void (how === 'stop' ? made.stop() : database.close());
}, 20);
look.unref();
