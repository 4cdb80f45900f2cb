import type { Attributes, BatchObservableResult, Meter, ObservableUpDownCounter } from '@opentelemetry/api';
import { type Database, openDatabases } from '../database/index.ts';
import type { PoolStats } from '../pool/index.ts';
import { type Ending, guard } from './listen.ts';

/** The pool of a client, and the level in it. */
export function poolAttributes(clientName: string, level?: number): Attributes {
  const attributes: Attributes = { 'db.client.connection.pool.name': clientName };
  if (level !== undefined) attributes['sluice.level'] = level;
  return attributes;
}

/** What is read of a pool. */
interface Observed {
  readonly instrument: ObservableUpDownCounter;
  readonly read: (stats: PoolStats, name: string) => readonly (readonly [number, Attributes])[];
}

/** Tells, whenever the metrics are read, how the pools of all open databases are. @returns ends that */
export function observePools(meter: Meter): Ending {
  const observed = observedOf(meter);
  const instruments = observed.map(({ instrument }) => instrument);
  const observe = (result: BatchObservableResult): void => guard(() => tell(result, observed));
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}

const most: Observed['read'] = ({ budget }, name) => [[budget, poolAttributes(name)]];

function observedOf(meter: Meter): readonly Observed[] {
  const gauge = (name: string, unit: string, description: string): ObservableUpDownCounter =>
    meter.createObservableUpDownCounter(`db.client.connection.${name}`, { unit, description });
  return [
    {
      instrument: gauge('count', '{connection}', 'Connections by state; those in use by level, too.'),
      read: ({ idle, levels }, name) => [
        [idle, { ...poolAttributes(name), 'db.client.connection.state': 'idle' }],
        ...levels.map(
          ({ level, used }) =>
            [used, { ...poolAttributes(name, level), 'db.client.connection.state': 'used' }] as const,
        ),
      ],
    },
    { instrument: gauge('max', '{connection}', 'The most connections that may be open.'), read: most },
    { instrument: gauge('idle.max', '{connection}', 'The most connections that may be idle.'), read: most },
    {
      instrument: gauge('pending_requests', '{request}', 'Requests that wait for a connection.'),
      read: ({ levels }, name) => levels.map(({ level, waiting }) => [waiting, poolAttributes(name, level)]),
    },
  ];
}

function tell(result: BatchObservableResult, observed: readonly Observed[]): void {
  for (const { instrument, read } of observed) {
    // Clients of several databases may have one name, and are one then.
    const sums = new Map<string, { readonly attributes: Attributes; value: number }>();
    for (const [value, attributes] of pools().flatMap(([name, stats]) => read(stats, name))) {
      const key = JSON.stringify(attributes);
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, { attributes, value });
      else sum.value += value;
    }
    for (const { attributes, value } of sums.values()) result.observe(instrument, value, attributes);
  }
}

function pools(): readonly (readonly [string, PoolStats])[] {
  return openDatabases().flatMap((database) => Object.entries((database as Database).stats().clients));
}
