// Runs durable listeners until it is killed: by itself in a listener, by itself after the commit of one, or from outside.
import { subscribe } from 'node:diagnostics_channel';
import { clientOf } from '../../../src/database/index.ts';
import { mysql } from '../../../src/drivers/mysql/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createEvents, defineEvent } from '../../../src/events/index.ts';
import { channelNames, createDatabase, type TransactionEndEvent } from '../../../src/index.ts';

interface Given {
  readonly engine: string;
  readonly url: string;
  readonly dieAt: string;
  /** Whether publications are completed after the commit of their listener, and not with it: a mistake that has to be found. */
  readonly isSabotaged: boolean;
}

const { engine, url, dieAt, isSabotaged } = JSON.parse(process.argv[2] ?? '{}') as Given;
const client = engine === 'postgres' ? postgres({ connectionString: url, max: 3 }) : mysql({ uri: url, max: 3 });
const database = createDatabase({ clients: { default: client } });
const die = (): void => void process.kill(process.pid, 'SIGKILL');

if (isSabotaged) {
  const { driver } = clientOf(database.current);
  Object.defineProperty(driver, 'events', { value: { ...driver.events, complete: () => [] } });
}
if (dieAt === 'after the commit') {
  subscribe(channelNames.transactionEnd, (event) => {
    const { transaction, outcome } = event as TransactionEndEvent;
    if (transaction === 'book' && outcome === 'committed') die();
  });
}
const events = createEvents(database, { pollInterval: 20, attempts: 1_000, concurrency: 3 });
events.on(defineEvent<number>('order.placed'), { phase: 'durable', id: 'book' }, async (order, { id }) => {
  await database.query('insert into booked (order_id) values ($1)', [order]);
  if (dieAt === 'in the listener') die();
  if (isSabotaged) {
    database.current.afterCommit(() =>
      database.query('delete from sluice_event_publication where event_id = $1', [id]),
    );
  }
  process.stdout.write('booked\n');
});
events.start();
