import { createEvents, defineEvent } from '../../src/events/index.ts';
import type { Database } from '../../src/index.ts';
import { note, type Order, type Part } from './part.ts';

const sold = defineEvent<{ order: string }>('sold');

/** A line of the audit in the transaction of the sale, and a bill after it, by the listeners of an event. */
export function bills(database: Database<'default'>): Part {
  const events = createEvents(database, { pollInterval: 100, attempts: 1_000, retryDelay: 50 });
  events.on(sold, { phase: 'beforeCommit' }, ({ order }) => note(database, 'audit', order));
  events.on(sold, { phase: 'durable', id: 'bill' }, ({ order }) => note(database, 'bill', order));
  return {
    name: 'events',
    record: ({ id }: Order) => events.publish(sold, { order: id }),
    start: () => events.start(),
    stop: () => events.stop(),
  };
}
