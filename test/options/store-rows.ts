import { createCache, createChangesRelay, defineCache, MemoryStore, richJson } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { createModel, defineModel, everyRow } from '../../src/model/index.ts';
import { addToOutbox, createOutboxTables, createRelay } from '../../src/outbox/index.ts';
import { nothing, type Place, type Row, shared } from './row.ts';
import {
  called,
  canBeRead,
  type Domain,
  either,
  emptyList,
  emptyObject,
  isRecord,
  only,
  some,
  timer,
  truth,
  whole,
  words,
  milliseconds,
  characters,
} from './values.ts';

const caching = {
  store: some(shared, new MemoryStore()),
  ttl: milliseconds(1, timer),
  memory: some({ max: 1 }, { max: 5, maxStaleness: 10 }),
  maxSize: characters(1, 512 * 1024 * 1024),
  commitTimeout: milliseconds(100, 600_000),
  onCacheUnavailable: only('abort', 'outbox'),
  loadTimeout: milliseconds(1, timer),
  storeTimeout: milliseconds(1, timer),
};
const wholeCache = {
  ...caching,
  name: words(100),
  tags: called(() => []),
  wider: called((tag: string) => tag),
  serializer: some(richJson),
  readsOwnWrites: truth,
  loadsWhileAway: whole(1, 10_000),
};
const handle = ({ database }: Place): Domain => some(database.current);
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
    options: { max: whole(1, 100_000_000), maxStaleness: milliseconds(1, 60_000) },
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
    options: { db: handle, ttl: milliseconds(1, timer) },
  },
  {
    interface: 'LoadOptions',
    entrance: 'getOrSet',
    call: (options, { database }) => createCache<number>(database, { name: 'stock' }).getOrSet('a', () => 1, options),
    options: { db: handle, ttl: milliseconds(1, timer), keep: called(() => true) },
  },
  {
    interface: 'ChangesRelayOptions',
    entrance: 'createChangesRelay',
    call: (options, { database }) => createChangesRelay(database, options),
    base: () => ({ store: shared }),
    codes: ['UNKNOWN_CLIENT'],
    options: {
      store: some(shared),
      clientName: only('default'),
      pollInterval: milliseconds(10, timer),
      storeTimeout: milliseconds(1, timer),
    },
  },
  {
    interface: 'RedisStoreOptions',
    entrance: 'RedisStore',
    call: (options) => new RedisStore(options),
    base: () => ({ client: redis() }),
    options: {
      client: some(redis()),
      subscriber: some(),
      prefix: words(100),
      timeout: milliseconds(1, timer),
      pause: milliseconds(0, timer),
      commitTimeout: milliseconds(100, 600_000),
    },
  },
  {
    interface: 'ModelOptions',
    entrance: 'defineModel',
    call: defineModel,
    base: () => ({ table: 'post', key: 'id' }),
    options: {
      table: some('post', 'shop.post'),
      key: some('id'),
      clientName: words(200),
      columns: some(['id', 'title']),
      cache: either(some({ entity: true }), emptyObject),
    },
  },
  {
    interface: 'ModelCacheOptions',
    entrance: 'defineModel',
    call: (cache) => defineModel<{ id: number }>({ table: 'post', key: 'id', cache }),
    options: {
      ...caching,
      entity: truth,
      query: truth,
      tags: either(some({ id: 'number' }), emptyObject),
    },
  },
  {
    interface: 'SelectOptions',
    entrance: 'select',
    call: async (options, given) => await model(given).select(options),
    options: {
      where: some({ id: 1 }),
      columns: some(['id']),
      orders: either({ good: [['id'], [['id', 'desc']]], accepts: () => false }, emptyList),
      limit: whole(0, Number.MAX_SAFE_INTEGER),
      offset: whole(0, Number.MAX_SAFE_INTEGER),
      cache: truth,
    },
  },
  {
    interface: 'UpdateOptions',
    entrance: 'update',
    call: (options, given) => model(given).update({ id: 1, title: 'x' }, options),
    options: { where: some({ id: 1 }, everyRow) },
  },
  {
    interface: 'RelayOptions',
    entrance: 'createRelay',
    call: (options, { database }) => createRelay(database, options),
    base: () => ({ channel: 'broker', deliver: nothing }),
    codes: ['UNKNOWN_CLIENT'],
    options: {
      clientName: only('default'),
      channel: words(200),
      deliver: called(),
      batchSize: whole(1, 10_000),
      pollInterval: milliseconds(10, timer),
      maxAttempts: whole(1, 1_000),
      retryDelay: milliseconds(1, timer),
      inboxRetention: milliseconds(1_000, 365 * 86_400_000),
    },
  },
  {
    interface: 'NewOutboxMessage',
    entrance: 'addToOutbox',
    call: (message, { database }) => addToOutbox(database.current, [message]),
    base: () => ({ channel: 'broker', queue: 'sales', payload: 1 }),
    options: {
      channel: words(200),
      id: words(500),
      queue: words(500),
      key: words(500),
      payload: {
        good: [{ sold: 7 }],
        accepts: (value) =>
          !['function', 'symbol', 'bigint'].includes(typeof value) && canBeRead(value) && !(value instanceof Promise),
      },
      context: { good: [{}], accepts: isRecord },
    },
  },
  {
    interface: 'SqlRunnerOptions',
    entrance: 'createOutboxTables',
    call: (options) => createOutboxTables({ query: nothing }, options),
    base: () => ({ dialect: 'postgres' }),
    options: { dialect: only('postgres', 'mysql', 'sqlite') },
  },
];

/** As much of a client as the store looks at before its first command. */
function redis(): object {
  return { call: nothing, sendCommand: nothing, on() {}, once() {}, status: 'wait', duplicate: nothing };
}
