import { createApp } from '../../src/app/index.ts';
import { defineCache } from '../../src/cache/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { createDatabase, createContextCarrier, Database, findStandstills, withContext } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindEntries } from '../../src/ports/library/index.ts';
import { defineModel } from '../../src/model/index.ts';
import { createRelay } from '../../src/outbox/index.ts';
import { memory } from '../../src/queue/index.ts';
import {
  captureCommitHooks,
  interleave,
  proveRepeatable,
  rollbackEach,
  rolledBack,
  testDatabases,
} from '../../src/testing/index.ts';
import { invoice, isolation, nothing, type Place, type Row } from './row.ts';
import {
  called,
  canBeRead,
  either,
  emptyObject,
  line,
  only,
  some,
  timer,
  truth,
  whole,
  words,
  milliseconds,
} from './values.ts';

const clock = { now: () => performance.now(), setTimer: () => () => undefined };
const transaction = {
  propagation: only('REQUIRED', 'REQUIRES_NEW', 'NESTED', 'SUPPORTS'),
  isolationLevel: isolation,
  readOnly: truth,
  timeout: milliseconds(1, timer, 5_000),
  signal: some(new AbortController().signal),
  retry: some({ attempts: 2 }),
  rollbackOn: called(),
  name: words(200),
};
const context = {
  timeout: milliseconds(1, timer),
  traceparent: some('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
  tracestate: either(some('a=1'), { good: [], accepts: (value) => value === 'SERIALIZABLE; drop table product; --' }),
  tenant: words(200),
  locale: some('de-CH'),
  tz: some('Europe/Zurich'),
  idempotencyKey: words(200),
};

export const coreRows: readonly Row[] = [
  {
    interface: 'DatabaseOptions',
    entrance: 'createDatabase',
    call: createDatabase,
    base: () => ({ clients: { default: sqlite() } }),
    options: {
      clients: some({ default: sqlite() }),
      defaultClient: only('default'),
      hookLimit: whole(1, 1_000_000),
      lockProbeAfter: either(only(false), milliseconds(1, timer)),
      unbound: only('warn', 'error', 'allow'),
      foreignWaits: only('warn', 'error', 'off'),
      idleWarning: milliseconds(0, timer),
      clock: some(clock),
      random: called(() => 0.5),
    },
  },
  ...(
    [
      ['database.close', ({ database }) => database.close.bind(database), 'CloseOptions'],
      [
        'worker.close',
        ({ jobs }) =>
          (options: never) =>
            jobs.worker().close(options),
        'WorkerCloseOptions',
      ],
      ['jobs.close', ({ jobs }) => jobs.close.bind(jobs), 'WorkerCloseOptions'],
      [
        'relay.stop',
        ({ database }) =>
          (options: never) =>
            createRelay(database, { channel: 'broker', deliver: () => Promise.resolve() }).stop(options),
        'RelayStopOptions',
      ],
      [
        'app.close',
        ({ database }) =>
          (options: never) =>
            createApp(database).close(options),
        'CloseOptions',
      ],
    ] as readonly [string, (place: Place) => (options: never) => unknown, string][]
  ).map(([entrance, close, name]): Row => ({
    interface: name,
    entrance,
    call: (options, given) => close(given)(options),
    options: { timeout: milliseconds(0, timer) },
  })),
  {
    interface: 'HoldersOptions',
    entrance: 'database.holders',
    call: (options, { database }) => database.holders(options),
    options: { limit: whole(0, Number.MAX_SAFE_INTEGER), locks: truth, lockTimeout: milliseconds(1, timer) },
  },
  {
    interface: 'FindStandstillsOptions',
    entrance: 'findStandstills',
    call: (options) => findStandstills([], options),
    options: { heldAfter: milliseconds(0, timer) },
  },
  ...(
    [
      ['getDb', (info, { database }) => database.getDb(info)],
      ['switchDb', (info, { database }) => database.switchDb(() => {}, info)],
    ] as readonly [string, Row['call']][]
  ).map(([entrance, call]): Row => ({
    interface: 'DbInfo',
    entrance,
    call,
    codes: ['UNKNOWN_CLIENT'],
    options: { clientName: only('default'), level: whole(0, 1_000) },
  })),
  {
    interface: 'QueryOptions',
    entrance: 'query',
    call: (options, { database }) => database.current.query('select 1', [], options),
    options: { last: truth },
  },
  ...(
    [
      ['transaction', (options, { database }) => database.transaction(() => {}, options)],
      ['begin', (options, { database }) => database.current.transaction.begin(() => {}, options)],
      ['batch', (options, { database }) => database.current.batch([], options)],
      ['@database.Transactional', (options, { database }) => database.Transactional(options)],
      ['@Database.transaction', (options) => Database.transaction(options)],
    ] as readonly [string, Row['call']][]
  ).map(([entrance, call]): Row => ({ interface: 'TransactionOptions', entrance, call, options: transaction })),
  {
    interface: 'RetryOptions',
    entrance: 'retry',
    call: (retry, { database }) => database.transaction(() => {}, { retry }),
    base: () => ({ attempts: 2 }),
    options: { attempts: whole(1, 1_000), delay: milliseconds(0, timer), lockTimeouts: truth },
  },
  {
    interface: 'ContextOptions',
    entrance: 'withContext',
    call: (options) => withContext(options, () => {}),
    options: {
      ...context,
      baggage: either(some({ plan: 'gold' }), emptyObject),
    },
  },
  {
    interface: 'ContextCarrierOptions',
    entrance: 'createContextCarrier',
    call: (options, { database }) => createContextCarrier(database, options),
    options: {
      secret: either(some('a secret of the system', ['a secret of the system']), {
        good: [],
        accepts: (value) => typeof value === 'string' && value.length >= 16 && !value.includes('\0'),
      }),
      maxAge: milliseconds(1, timer),
    },
  },
  {
    interface: 'InjectOptions',
    entrance: 'injectContext',
    call: (options, { database }) => createContextCarrier(database).injectContext({}, options),
    options: { awaited: truth },
  },
  {
    interface: 'AppOptions',
    entrance: 'createApp',
    call: (options, { database }) => createApp(database, options),
    base: () => ({ queues: { invoice } }),
    options: {
      models: either(some({ post: defineModel<{ id: number }>({ table: 'post', key: 'id' }) }), emptyObject),
      queues: some({ invoice }),
      caches: either(some({ stock: defineCache({ name: 'stock' }) }), emptyObject),
      engine: some(memory()),
    },
  },
  ...(
    [
      ['rolledBack', (options, { database }) => rolledBack(database, () => {}, options)],
      ['rollbackEach', (options, { database }) => rollbackEach(database, () => {}, options)],
    ] as readonly [string, Row['call']][]
  ).map(([entrance, call]): Row => ({
    interface: 'RollbackOptions',
    entrance,
    call,
    options: {
      clientNames: either(some(['default']), {
        good: [],
        // Whether there is one is looked up where the test runs.
        accepts: (value) =>
          canBeRead(value) && Array.isArray(value) && value.length > 0 && typeof value[0] === 'string',
      }),
      commitHooks: only('record', 'run'),
      isolationLevel: isolation,
      proveRepeatable: truth,
    },
  })),
  {
    interface: 'InterleaveOptions',
    entrance: 'interleave',
    call: (options, { far }) => interleave(far, options),
    base: () => ({
      setup: () => nothing(),
      actors: { alice: () => undefined, bob: () => undefined },
    }),
    options: {
      setup: called(),
      actors: some({ alice: () => undefined, bob: () => undefined }),
      invariant: called(),
      tables: {
        good: [['product'], ['product', 'shop_order']],
        // Whether there are such tables is looked up where they are compared.
        accepts: (value) =>
          canBeRead(value) && Array.isArray(value) && value.length > 0 && typeof value[0] === 'string',
      },
      maxRows: whole(1, 1_000_000),
      reduce: truth,
      maxSchedules: whole(1, 1_000_000),
      maxRuntime: milliseconds(1, timer),
      maxRemedyRuntime: milliseconds(0, timer),
      maxAnomalies: whole(1, 1_000),
      timeout: milliseconds(1, timer),
      allowProduction: truth,
    },
  },
  {
    interface: 'ProveRepeatableOptions',
    entrance: 'proveRepeatable',
    call: (options, { far }) => proveRepeatable(far, options),
    base: () => ({ setup: () => nothing(), body: () => undefined }),
    options: {
      setup: called(),
      body: called(),
      watch: called(),
      tables: {
        good: [['product'], ['product', 'shop_order']],
        // Whether there are such tables is looked up where they are compared.
        accepts: (value) =>
          canBeRead(value) && Array.isArray(value) && value.length > 0 && typeof value[0] === 'string',
      },
      maxRows: whole(1, 1_000_000),
      timeout: milliseconds(1, timer),
      allowProduction: truth,
    },
  },
  {
    interface: 'TestDatabasesOptions',
    entrance: 'testDatabases',
    call: (options, { far }) => testDatabases(far, options),
    codes: ['UNKNOWN_CLIENT'],
    base: () => ({ name: 'shop', madeFrom: ['create table product'], template: nothing }),
    options: {
      name: {
        good: ['shop', 's'.repeat(24)],
        accepts: (value) => typeof value === 'string' && /^[a-z][a-z0-9_]{0,23}$/.test(value),
      },
      madeFrom: {
        good: [['one', 'two']],
        accepts: (value) =>
          canBeRead(value) &&
          Array.isArray(value) &&
          value.length > 0 &&
          value.every((each) => typeof each === 'string'),
      },
      template: called(nothing),
      worker: whole(1, 1_000),
      reuse: truth,
      timeout: milliseconds(1, timer, 5_000),
      clientName: only('default'),
    },
  },
  {
    interface: 'CaptureOptions',
    entrance: 'captureCommitHooks',
    call: (options, { database }) => rolledBack(database, () => captureCommitHooks(() => {}, options)),
    options: { run: truth },
  },
  {
    interface: 'KnexOptions',
    entrance: 'createKnex',
    call: (options, { far }) => createKnex(far, options),
    codes: ['UNKNOWN_CLIENT'],
    isOpen: true,
    options: { clientName: only('default') },
  },
  {
    interface: 'BindEntriesOptions',
    entrance: 'bindEntries',
    call: (options, { database }) => bindEntries(database, { append: nothing }, ['append'], options),
    codes: ['UNKNOWN_CLIENT'],
    options: {
      clientName: only('default'),
      library: line(100, 'Dumbo'),
      propagation: only('NESTED', 'REQUIRED'),
    },
  },
];
