import { types } from 'node:util';
import { createCache, createChangesRelay, defineCache, MemoryStore, richJson } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { createModel, defineModel, everyRow } from '../../src/model/index.ts';
import {
  addToOutbox,
  createOutboxTables,
  createRelay,
  findInOutbox,
  listOutbox,
  replayParked,
} from '../../src/outbox/index.ts';
import { nothing, type Place, type Row, shared } from './row.ts';
import * as domain from './values.ts';

const caching = {
  store: domain.some(shared, new MemoryStore()),
  ttl: domain.milliseconds(1, domain.timer),
  memory: domain.some({ max: 1 }, { max: 5, maxStaleness: 10 }),
  maxSize: domain.characters(1, 512 * 1024 * 1024),
  commitTimeout: domain.milliseconds(100, 600_000),
  onCacheUnavailable: domain.only('abort', 'outbox'),
  loadTimeout: domain.milliseconds(1, domain.timer),
  storeTimeout: domain.milliseconds(1, domain.timer),
};
const wholeCache = {
  ...caching,
  name: domain.words(100),
  tags: domain.called(() => []),
  wider: domain.called((tag: string) => tag),
  serializer: domain.some(richJson),
  readsOwnWrites: domain.truth,
  loadsWhileAway: domain.whole(1, 10_000),
};
const handle = ({ database }: Place): domain.Domain => domain.some(database.current);
const model = ({ database }: Place): ReturnType<typeof createModel<{ id: number; title: string }, 'id'>> =>
  createModel(
    database,
    defineModel<{ id: number; title: string }>({ table: 'post', key: 'id', columns: ['id', 'title'] }),
  );

export const storeRows: readonly Row[] = [
  ...(
    [
      ['createCache', (options, { database }) => createCache(database, options)],
      ['defineCache', defineCache],
    ] as readonly [string, Row['call']][]
  ).map(([entrance, call]): Row => ({
    interface: 'CacheOptions',
    entrance,
    call,
    base: () => ({ name: 'stock', store: shared }),
    options: wholeCache,
  })),
  {
    interface: 'MemoryOptions',
    entrance: 'memory',
    call: (options, { database }) => createCache(database, { name: 'stock', store: shared, memory: options }),
    base: () => ({ max: 1 }),
    options: { max: domain.whole(1, 100_000_000), maxStaleness: domain.milliseconds(1, 60_000) },
  },
  {
    interface: 'CacheCallOptions',
    entrance: 'get',
    call: (options, { database }) => createCache(database, { name: 'stock' }).get('a', options),
    options: { db: handle },
  },
  {
    interface: 'SetOptions',
    entrance: 'set',
    call: (options, { database }) => createCache(database, { name: 'stock' }).set(1, 'a', options),
    options: { db: handle, ttl: domain.milliseconds(1, domain.timer) },
  },
  {
    interface: 'LoadOptions',
    entrance: 'getOrSet',
    call: (options, { database }) => createCache<number>(database, { name: 'stock' }).getOrSet('a', () => 1, options),
    options: { db: handle, ttl: domain.milliseconds(1, domain.timer), keep: domain.called(() => true) },
  },
  {
    interface: 'ChangesRelayOptions',
    entrance: 'createChangesRelay',
    call: (options, { database }) => createChangesRelay(database, options),
    base: () => ({ store: shared }),
    codes: ['UNKNOWN_CLIENT'],
    options: {
      store: domain.some(shared),
      clientName: domain.only('default'),
      pollInterval: domain.milliseconds(10, domain.timer),
      storeTimeout: domain.milliseconds(1, domain.timer),
    },
  },
  {
    interface: 'RedisStoreOptions',
    entrance: 'RedisStore',
    call: (options) => new RedisStore(options),
    base: () => ({ client: redis() }),
    options: {
      client: domain.some(redis()),
      subscriber: domain.some(),
      prefix: domain.words(100),
      timeout: domain.milliseconds(1, domain.timer),
      pause: domain.milliseconds(0, domain.timer),
      commitTimeout: domain.milliseconds(100, 600_000),
    },
  },
  {
    interface: 'ModelOptions',
    entrance: 'defineModel',
    call: defineModel,
    base: () => ({ table: 'post', key: 'id' }),
    options: {
      table: domain.some('post', 'shop.post'),
      key: domain.some('id'),
      clientName: domain.words(200),
      columns: domain.some(['id', 'title']),
      cache: domain.either(domain.some({ entity: true }), domain.emptyObject),
    },
  },
  {
    interface: 'ModelCacheOptions',
    entrance: 'defineModel',
    call: (cache) => defineModel<{ id: number }>({ table: 'post', key: 'id', cache }),
    options: {
      ...caching,
      entity: domain.truth,
      query: domain.truth,
      tags: domain.either(domain.some({ id: 'number' }), domain.emptyObject),
    },
  },
  {
    interface: 'SelectOptions',
    entrance: 'select',
    call: async (options, given) => await model(given).select(options),
    options: {
      where: domain.some({ id: 1 }),
      columns: domain.some(['id']),
      orders: domain.either({ good: [['id'], [['id', 'desc']]], accepts: () => false }, domain.emptyList),
      limit: domain.whole(0, Number.MAX_SAFE_INTEGER),
      offset: domain.whole(0, Number.MAX_SAFE_INTEGER),
      cache: domain.truth,
    },
  },
  {
    interface: 'UpdateOptions',
    entrance: 'update',
    call: (options, given) => model(given).update({ id: 1, title: 'x' }, options),
    options: { where: domain.some({ id: 1 }, everyRow) },
  },
  {
    interface: 'RelayOptions',
    entrance: 'createRelay',
    call: (options, { database }) => createRelay(database, options),
    base: () => ({ channel: 'broker', deliver: nothing }),
    codes: ['UNKNOWN_CLIENT'],
    options: {
      clientName: domain.only('default'),
      channel: domain.words(200),
      deliver: domain.called(),
      batchSize: domain.whole(1, 10_000),
      pollInterval: domain.milliseconds(10, domain.timer),
      maxAttempts: domain.whole(1, 1_000),
      retryDelay: domain.milliseconds(1, domain.timer),
      inboxRetention: domain.milliseconds(1_000, 365 * 86_400_000),
    },
  },
  {
    interface: 'OutboxListOptions',
    entrance: 'listOutbox',
    call: (options, { database }) => listOutbox(database.current, 'broker', options),
    base: () => ({ state: 'parked' }),
    options: {
      state: domain.only('waiting', 'parked'),
      limit: domain.whole(1, 1_000),
      cursor: domain.some('17'),
      withPayload: domain.truth,
    },
  },
  {
    interface: 'FindMessageOptions',
    entrance: 'findInOutbox',
    call: (options, { database }) => findInOutbox(database.current, 'broker', '17', options),
    options: { withPayload: domain.truth },
  },
  {
    interface: 'ReplayOptions',
    entrance: 'replayParked',
    // A list is one of numbers.
    call: (options, { database }) =>
      replayParked(
        database.current,
        'broker',
        !types.isProxy(options) && Array.isArray(options) ? (null as never) : options,
      ),
    options: { limit: domain.whole(1, 100_000) },
  },
  {
    interface: 'NewOutboxMessage',
    entrance: 'addToOutbox',
    call: (message, { database }) => addToOutbox(database.current, [message]),
    codes: ['UNSERIALIZABLE'],
    base: () => ({ channel: 'broker', queue: 'sales', payload: 1 }),
    options: {
      channel: domain.words(200),
      id: domain.words(500),
      queue: domain.words(500),
      key: domain.words(500),
      payload: {
        good: [{ sold: 7 }],
        accepts: (value) =>
          !['function', 'symbol', 'bigint'].includes(typeof value) &&
          domain.canBeRead(value) &&
          !(typeof value === 'number' && !Number.isFinite(value)) &&
          !(value instanceof Promise),
      },
      context: { good: [{}], accepts: domain.isRecord },
    },
  },
  {
    interface: 'SqlRunnerOptions',
    entrance: 'createOutboxTables',
    call: (options) => createOutboxTables({ query: nothing }, options),
    base: () => ({ dialect: 'postgres' }),
    options: { dialect: domain.only('postgres', 'mysql', 'sqlite') },
  },
];

/** As much of a client as the store looks at before its first command. */
function redis(): object {
  return { call: nothing, sendCommand: nothing, on() {}, once() {}, status: 'wait', duplicate: nothing };
}
