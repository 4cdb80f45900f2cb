import { type FleetBus, joinFleet, startInspector } from '../../src/inspector/index.ts';
import { postgresFleet } from '../../src/inspector/postgres/index.ts';
import { redisFleet } from '../../src/inspector/redis/index.ts';
import type { Row } from './row.ts';
import {
  canBeRead,
  type Domain,
  either,
  emptyList,
  isRecord,
  line,
  milliseconds,
  some,
  truth,
  whole,
} from './values.ts';

const bus: FleetBus = {
  longestMessage: 1_000,
  open: () => {},
  publish: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
const redis = {
  call: () => Promise.resolve(),
  subscribe: () => Promise.resolve(),
  unsubscribe: () => Promise.resolve(),
  on: () => {},
  off: () => {},
};
const url = 'postgres://127.0.0.1:1/shop';

const isHost = (value: unknown): boolean =>
  typeof value === 'string' && /^(?:[\w.-]+|\[[\d.:a-f]+\])(?::\d{1,5})?$/i.test(value);
const hosts: Domain = {
  good: [['ops.example.com'], ['ops.example.com:8080'], ['[::1]:8080']],
  accepts: (value) => canBeRead(value) && Array.isArray(value) && value.every(isHost),
};

const watched: Row['options'] = {
  caches: either(some([{ name: 'stock', statistics: {} }]), emptyList),
  name: line(200, 'web'),
};

export const inspectorRows: readonly Row[] = [
  {
    interface: 'InspectorOptions',
    entrance: 'startInspector',
    call: async (options, { database }) => await (await startInspector(database, options)).close(),
    base: () => ({}),
    options: {
      ...watched,
      fleet: some(bus),
      sessions: truth,
      jobs: {
        good: [{ queues: {} }],
        accepts: (value) =>
          canBeRead(value) && typeof value === 'object' && value !== null && isRecord(Reflect.get(value, 'queues')),
      },
      outbox: ({ database }) => some(database.current),
      sagas: ({ database }) => some(database.current),
      events: ({ database }) => some(database.current),
      payloads: truth,
      actions: truth,
      port: whole(0, 65_535),
      host: line(255, '127.0.0.1'),
      token: {
        good: ['a-secret-of-enough-characters'],
        accepts: (value) => typeof value === 'string' && /^[\x21-\x7e]{16,1024}$/.test(value),
      },
      allowedHosts: hosts,
      interval: milliseconds(100, 60_000, 500),
    },
  },
  {
    interface: 'JoinFleetOptions',
    entrance: 'joinFleet',
    call: async (options, { database }) => await joinFleet(database, options).close(),
    base: () => ({ fleet: bus }),
    options: { ...watched, fleet: some(bus) },
  },
  {
    interface: 'PostgresFleetOptions',
    entrance: 'postgresFleet',
    call: postgresFleet,
    base: () => ({ connectionString: url }),
    options: {
      connectionString: some(url),
      ssl: either(truth, { good: [{}], accepts: (value) => typeof value === 'object' && value !== null }),
      channel: line(63, 'fleet'),
    },
  },
  {
    interface: 'RedisFleetOptions',
    entrance: 'redisFleet',
    call: redisFleet,
    base: () => ({ client: redis, subscriber: redis }),
    options: { client: some(redis), subscriber: some(redis), channel: line(200, 'fleet') },
  },
];
