import {
  createEvents,
  defineEvent,
  listPublications,
  publicationCounts,
  resubmitPublications,
} from '../../src/events/index.ts';
import { nothing, type Row } from './row.ts';
import { bytes, called, either, emptyList, line, milliseconds, only, some, timer, truth, whole } from './values.ts';

const sold = defineEvent<number>('product.sold');
const number = some('17');

const incomplete: Row['options'] = {
  state: only('published', 'processing', 'failed'),
  listener: line(200),
  limit: whole(1, 1_000),
  cursor: number,
  withPayload: truth,
};
const resubmit: Row['options'] = {
  numbers: either(some(['17']), emptyList),
  listener: line(200),
  all: truth,
  limit: whole(1, 100_000),
};

export const eventRows: readonly Row[] = [
  {
    interface: 'EventsOptions',
    entrance: 'createEvents',
    call: (options, { database }) => createEvents(database, options),
    codes: ['UNKNOWN_CLIENT'],
    options: {
      clientName: only('default'),
      completion: only('keep', 'delete', 'archive'),
      retention: milliseconds(1_000, 10 * 365 * 86_400_000),
      concurrency: whole(1, 10_000),
      pollInterval: milliseconds(10, timer),
      attempts: whole(1, 1_000),
      retryDelay: milliseconds(1, timer),
      maxPayload: bytes(1, 256 * 1024 * 1024),
    },
  },
  {
    interface: 'EventOptions',
    entrance: 'defineEvent',
    call: (options) => defineEvent('product.sold', options),
    options: { parse: called() },
  },
  {
    interface: 'DurableListenerOptions',
    entrance: 'events.on',
    call: (options, { database }) => createEvents(database).on(sold, options, nothing),
    base: () => ({ phase: 'durable', id: 'mail' }),
    options: { phase: only('durable'), id: line(200), timeout: milliseconds(1, timer) },
  },
  {
    interface: 'ProcessListenerOptions',
    entrance: 'events.on',
    call: (options, { database }) => createEvents(database).on(sold, options, nothing),
    base: () => ({ phase: 'afterCommit' }),
    options: { phase: only('beforeCommit', 'afterCommit', 'afterRollback', 'afterCompletion') },
  },
  {
    interface: 'EventsStopOptions',
    entrance: 'events.stop',
    call: (options, { database }) => createEvents(database).stop(options),
    options: { timeout: milliseconds(0, timer) },
  },
  {
    interface: 'IncompleteOptions',
    entrance: 'events.incomplete',
    call: (options, { database }) => createEvents(database).incomplete(options),
    options: incomplete,
  },
  {
    interface: 'IncompleteOptions',
    entrance: 'listPublications',
    call: (options, { database }) => listPublications(database.current, options),
    options: incomplete,
  },
  {
    interface: 'PublicationCountsOptions',
    entrance: 'publicationCounts',
    call: (options, { database }) => publicationCounts(database.current, options),
    options: { limit: whole(1, 100_000_000) },
  },
  {
    interface: 'ResubmitOptions',
    entrance: 'resubmitPublications',
    call: (options, { database }) => resubmitPublications(database.current, options),
    base: () => ({ listener: 'invoice' }),
    options: resubmit,
  },
  {
    interface: 'ResubmitOptions',
    entrance: 'events.resubmit',
    call: (options, { database }) => createEvents(database).resubmit(options),
    base: () => ({ listener: 'invoice' }),
    options: resubmit,
  },
];
