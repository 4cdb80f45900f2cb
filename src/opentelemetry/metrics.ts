import type { Meter } from '@opentelemetry/api';
import {
  type AcquireTrace,
  acquireTrace,
  type CacheTrace,
  cacheTrace,
  channelNames,
  type ConnectionReleaseEvent,
  type HookErrorEvent,
  type JobEvent,
  type RetryEvent,
  type StatementTrace,
  statementTrace,
  type TransactionTrace,
  transactionTrace,
} from '../channels/index.ts';
import { fieldOf } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import { failureAttributes } from './attributes.ts';
import { type Ending, listen, listenTo } from './listen.ts';
import { observeOutbox } from './outbox-metrics.ts';
import { observePools, poolAttributes } from './pool-metrics.ts';
import { shapeOf } from './statement-shape.ts';

/** The buckets that the semantic conventions give for durations of databases, in seconds. */
const inSeconds = {
  unit: 's',
  advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
};

/** Measures from now on. @returns ends that */
export function startMetering(meter: Meter, outbox: Db | undefined): Ending {
  const endings = [
    ...measureStatements(meter),
    ...measureTransactions(meter),
    ...measureConnections(meter),
    ...measureOthers(meter),
    observePools(meter),
    ...(outbox === undefined ? [] : [observeOutbox(meter, outbox)]),
  ];
  return () => {
    for (const end of endings) end();
  };
}

function measureStatements(meter: Meter): readonly Ending[] {
  const description = 'How long the database took for a statement.';
  const durations = meter.createHistogram('db.client.operation.duration', { description, ...inSeconds });
  return [
    listen(statementTrace.channels.asyncEnd, (message) => {
      const event = message as StatementTrace;
      const { running, duration = 0, failed, error } = event;
      const attributes = { ...shapeOf(event).attributes, ...(failed ? failureAttributes(error) : {}) };
      durations.record((running ?? duration) / 1_000, attributes);
    }),
  ];
}

function measureTransactions(meter: Meter): readonly Ending[] {
  const description = 'How long transactions took, from the opening of their scope to the last of their hooks.';
  const durations = meter.createHistogram('sluice.transaction.duration', { description, ...inSeconds });
  const transactions = meter.createCounter('sluice.transactions', {
    description: 'Transactions that have ended; each attempt is one.',
    unit: '{transaction}',
  });
  const retries = meter.createCounter('sluice.transaction.retries', {
    description: 'Transactions that were rolled back, and tried again.',
    unit: '{retry}',
  });
  return [
    listen(transactionTrace.channels.asyncEnd, (message) => {
      const { outcome = 'unknown', level = 0, clientName = '', duration = 0 } = message as TransactionTrace;
      const attributes = { ...poolAttributes(clientName, level), 'sluice.transaction.outcome': outcome };
      transactions.add(1, attributes);
      durations.record(duration / 1_000, attributes);
    }),
    listenTo(channelNames.transactionRetry, ({ clientName, level, error }: RetryEvent) => {
      retries.add(1, { ...poolAttributes(clientName, level), ...failureAttributes(error) });
    }),
  ];
}

function measureConnections(meter: Meter): readonly Ending[] {
  const waits = meter.createHistogram('db.client.connection.wait_time', {
    description: 'How long it took to get a connection from the pool.',
    ...inSeconds,
  });
  const uses = meter.createHistogram('db.client.connection.use_time', {
    description: 'How long a connection was held.',
    ...inSeconds,
  });
  const timeouts = meter.createCounter('db.client.connection.timeouts', {
    description: 'Requests for a connection that have timed out.',
    unit: '{timeout}',
  });
  return [
    listen(acquireTrace.channels.asyncEnd, (message) => {
      const { clientName = '', level = 0, duration = 0, error } = message as AcquireTrace;
      const attributes = poolAttributes(clientName, level);
      if (fieldOf(error, 'code') === 'ACQUIRE_TIMEOUT') timeouts.add(1, attributes);
      else waits.record(duration / 1_000, attributes);
    }),
    listenTo(channelNames.connectionRelease, ({ clientName, level, heldFor }: ConnectionReleaseEvent) => {
      uses.record(heldFor / 1_000, poolAttributes(clientName, level));
    }),
  ];
}

function measureOthers(meter: Meter): readonly Ending[] {
  const hooks = meter.createCounter('sluice.hook.failures', {
    description: 'Hooks that threw after the end of a transaction.',
    unit: '{failure}',
  });
  const reads = meter.createCounter('sluice.cache.reads', {
    description: 'Reads of a cache, and whether it had the value.',
    unit: '{read}',
  });
  const jobs = meter.createHistogram('sluice.job.duration', {
    description: 'How long runs of jobs took.',
    ...inSeconds,
  });
  return [
    listenTo(channelNames.hookError, ({ hook, error }: HookErrorEvent) => {
      hooks.add(1, { 'sluice.hook': hook, ...failureAttributes(error) });
    }),
    listen(cacheTrace.channels.asyncEnd, (message) => {
      const { cache, hit } = message as CacheTrace;
      if (hit !== undefined) reads.add(1, { 'sluice.cache': cache, 'sluice.cache.hit': hit });
    }),
    listenTo(channelNames.jobEnd, ({ queue, level, outcome, duration }: JobEvent) => {
      const attributes = { 'messaging.destination.name': queue, 'sluice.level': level, 'sluice.job.outcome': outcome };
      jobs.record(duration / 1_000, attributes);
    }),
  ];
}
