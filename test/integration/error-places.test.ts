// Every error that concerns a connection, a transaction or a statement says on which client and at which level, as data.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as cache from '../../src/cache/index.ts';
import { postgres, ambientPool } from '../../src/drivers/postgres/index.ts';
import * as drivers from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import type { Failure, Step } from '../../src/driver/index.ts';
import * as port from '../../src/ports/driver/index.ts';
import * as sluice from '../../src/index.ts';
import * as model from '../../src/model/index.ts';
import * as outbox from '../../src/outbox/index.ts';
import * as queue from '../../src/queue/index.ts';
import * as testing from '../../src/testing/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal } from '../support/settled.ts';

const server = useTestDatabase();

type Shop = sluice.Database<'shop'>;

let database: Shop;
const closes: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0).toReversed()) await close();
});

function open(options: Parameters<typeof postgres>[0] = {}, settings: object = {}): Shop {
  const opened = sluice.createDatabase({
    ...settings,
    clients: { shop: postgres({ connectionString: server.url, max: 2, maxLevel: 2, acquireTimeout: 500, ...options }) },
  });
  closes.push(() => opened.close({ timeout: 500 }));
  return opened;
}
beforeEach(() => {
  database = open();
});

/** What fails inside of a transaction that is nested by level: on the client `shop`, at level 1. */
function atLevel1(body: () => unknown, options?: sluice.TransactionOptions): Promise<unknown> {
  return database.transaction(() =>
    database.transaction(async () => await body(), { ...options, propagation: 'REQUIRES_NEW' }),
  );
}

const begun = (): Promise<unknown> => database.query('select 1');
const kill = (): Promise<unknown> =>
  server.sql(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sluice' and datname = current_database()",
  );
const details = { what: 'It failed in shop', remedy: 'Repair it' };
const insert = 'insert into product (id) values (1)';

/** A database whose driver is that of PostgreSQL but for something. */
function onDriver(change: (driver: sluice.Driver) => Partial<sluice.Driver>): Shop {
  const { driver, pool } = postgres({ connectionString: server.url, max: 2, maxLevel: 2 });
  const changed = Object.assign(Object.create(driver) as sluice.Driver, change(driver));
  const opened = sluice.createDatabase({ clients: { shop: { driver: changed, pool } } });
  closes.push(() => opened.close({ timeout: 500 }));
  return opened;
}

/** Connections on which a step of a kind, or a statement with a text, fails. */
function answering(step: string, failure: Pick<Failure, 'kind' | 'error'>): Partial<sluice.Driver> {
  const real = postgres({ connectionString: server.url }).driver;
  return {
    async connect(signal) {
      const connection = await real.connect(signal);
      return new Proxy(connection, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (name !== 'run') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          return async (steps: readonly Step[]) => {
            const exchange = await target.run(steps);
            const isMeant = steps.some(
              (each) => (each.type === 'statement' ? each.statement.text : each.type) === step,
            );
            return isMeant ? { ...exchange, results: [], ended: undefined, failure } : exchange;
          };
        },
      });
    },
  };
}

/** A statement at level 1 of which the driver says that it failed. */
function failingWith(kind: Failure['kind'], error: Error): Promise<unknown> {
  database = onDriver(() => answering(insert, { kind, error }));
  return atLevel1(() => database.query(insert));
}

const broken = (): cache.CacheStore =>
  Object.assign(new cache.MemoryStore(), { prepare: () => Promise.reject(new Error('away')) });

/** How each comes about, at level 1 unless it says so; `level: undefined` where there is a reason that it has none. */
const placed: Readonly<
  Record<string, { readonly come: () => Promise<unknown>; readonly level?: number | undefined; readonly why?: string }>
> = {
  UNSUPPORTED_ISOLATION: {
    come: () => {
      database = onDriver((driver) => ({
        isolation(wanted) {
          if (wanted === 'SNAPSHOT') throw new sluice.UnsupportedIsolationError(details);
          return driver.isolation(wanted);
        },
      }));
      return atLevel1(() => database.transaction(() => {}, { isolationLevel: 'SNAPSHOT' }));
    },
  },
  CONNECT_FAILED: {
    come: () => open({ connectionString: 'postgres://127.0.0.1:1/x' }).query('select 1'),
    level: undefined,
    why: 'a connection is opened for the pool, whichever level it is lent at',
  },
  MISSING_SETTING: {
    come: () => {
      database = open({ settings: () => ({ 'app.tenant': undefined }) });
      return begun();
    },
    level: undefined,
    why: 'the settings of a client are the same at all levels',
  },
  INVALID_SETTING: {
    come: () => {
      database = open({ settings: () => ({ 'app.tenant.of.whom': 'x' }) });
      return begun();
    },
    level: undefined,
    why: 'the settings of a client are the same at all levels',
  },
  SETTINGS_CHANGED: {
    come: () => {
      let tenant = 'one';
      database = open({ settings: () => ({ 'app.tenant': tenant }) });
      return atLevel1(async () => {
        await begun();
        tenant = 'two';
        await begun();
      });
    },
  },
  CONNECTION_LOST: {
    come: () =>
      atLevel1(async () => {
        await begun();
        await kill();
        await begun();
      }),
  },
  TRANSACTION_CONTROL: { come: () => atLevel1(() => database.query('commit')) },
  IMPLICIT_COMMIT: {
    come: () => {
      const file = sluice.createDatabase({ clients: { shop: sqlite() } });
      closes.push(() => file.close());
      return file.transaction(() => file.query('vacuum'));
    },
    level: 0,
  },
  PREPARED_STATEMENT_MISSING: {
    come: () => failingWith('statement', new sluice.PreparedStatementMissingError(details)),
  },
  RESULT_TOO_LARGE: { come: () => failingWith('statement', new sluice.ResultTooLargeError(details)) },
  POOLER_TIMEOUT: { come: () => failingWith('statement', new sluice.PoolerTimeoutError(details)) },
  COMMIT_UNKNOWN: {
    come: () => {
      database = onDriver(() => answering('commit', { kind: 'connectionLost', error: new Error('cut') }));
      return atLevel1(() => database.query(insert));
    },
  },
  ACQUIRE_TIMEOUT: {
    come: async () => {
      const held = signal();
      const holders = [1, 2].map(() =>
        database.transaction(async () => {
          await begun();
          await held.promise;
        }),
      );
      const error = await rejection(database.query('select 1'));
      held.fire();
      await Promise.all(holders);
      throw error;
    },
    level: 0,
  },
  POOL_DEADLOCK: {
    come: () => {
      database = open({ max: 1, maxLevel: 1 });
      return database.transaction(async () => {
        await begun();
        await database.getDb({ level: 0 }).transaction.begin(begun, { propagation: 'REQUIRES_NEW' });
      });
    },
    level: 0,
  },
  LEVEL_LIMIT: {
    come: () => {
      database = open({ max: 1, maxLevel: 0, budget: 1 });
      return atLevel1(begun);
    },
  },
  DATABASE_CLOSED: {
    come: async () => {
      await database.close();
      await begun();
    },
    level: undefined,
    why: 'it ends or refuses the work of a client at all levels',
  },
  TRANSACTION_REQUIRED: { come: () => database.transaction(() => {}, { propagation: 'MANDATORY' }), level: 0 },
  TRANSACTION_NOT_ALLOWED: { come: () => atLevel1(() => database.transaction(() => {}, { propagation: 'NEVER' })) },
  INCOMPATIBLE_TRANSACTION: {
    come: () => atLevel1(() => database.transaction(() => {}, { isolationLevel: 'SERIALIZABLE' })),
  },
  UNEXPECTED_ROLLBACK: { come: () => atLevel1(() => sluice.setRollbackOnly()) },
  TRANSACTION_ENDED: {
    come: async () => {
      const late: { work?: Promise<Error> } = {};
      const ended = signal();
      await atLevel1(() => {
        late.work = rejection(ended.promise.then(begun));
      });
      ended.fire();
      throw await late.work;
    },
  },
  TRANSACTION_LEFT_OPEN: {
    come: () =>
      atLevel1(async () => {
        const client = await ambientPool(database).connect();
        await client.query('begin');
        await client.query('select 1');
      }),
  },
  SCOPE_BLOCKED: {
    come: () =>
      atLevel1(async () => {
        const blocked = signal();
        const nested = database.transaction(
          async () => {
            await begun();
            await blocked.promise;
          },
          { propagation: 'NESTED' },
        );
        const error = await rejection(database.query('select 1'));
        blocked.fire();
        await nested.catch(() => {});
        throw error;
      }),
  },
  TRANSACTION_TIMEOUT: { come: () => atLevel1(() => database.query('select pg_sleep(5)'), { timeout: 100 }) },
  DEADLINE_EXCEEDED: {
    come: () => sluice.withContext({ timeout: 100 }, () => database.query('select pg_sleep(5)')),
    level: 0,
  },
  CHAIN_DEADLOCK: {
    come: async () => {
      await server.sql('insert into product (id) values (1)');
      const touch = 'update product set stock = stock + 1 where id = 1';
      return await database.transaction(async () => {
        await database.query(touch);
        await database.transaction(() => database.query(touch), { propagation: 'REQUIRES_NEW' });
      });
    },
  },
  AFTER_COMMIT: {
    come: () =>
      atLevel1(() => {
        database.current.commit(() => Promise.reject(new Error('mail is down')));
      }),
  },
  DEFERRED_RESULT: { come: () => atLevel1(() => (async function* rows() {})()) },
  HOOK_LIMIT: {
    come: () => {
      database = open({}, { hookLimit: 5 });
      const again = (): void => database.current.beforeCommit(again);
      return atLevel1(again);
    },
  },
  OUTBOX_MISSING: {
    come: () => atLevel1(() => outbox.addToOutbox(database.current, [{ channel: 'c', queue: 'q', payload: 1 }])),
  },
  CACHE_UNAVAILABLE: {
    come: () => {
      const stock = cache.createCache<number>(database, { name: 'stock', store: broken() });
      return atLevel1(async () => {
        await begun();
        await stock.set(1, 1);
      });
    },
  },
  ESCAPED_STATEMENT: {
    come: () => testing.poolOfOne(database, () => Promise.all([begun(), begun()])),
    level: 0,
  },
};

/** Those that concern no connection, transaction or statement, or are always inside of one that does. */
const elsewhere: Readonly<Record<string, string>> = {
  INVALID_OPTION: 'about an argument; that of a statement names its client in the message',
  DRIVER_ANSWER: 'needs a broken driver; test/behaviour/driver-answers.test.ts',
  UNSUPPORTED_LIBRARY: 'about a package, when it is bound',
  UNSUPPORTED_NODE: 'thrown when the package is loaded',
  MIXED_VERSIONS: 'about two copies of the package',
  UNKNOWN_CLIENT: 'there is no such client',
  NO_DATABASE: 'there is no database',
  STATEMENT_WITHOUT_DATABASE: 'of a unit test; its driver does not know what its client is called',
  FOREIGN_WAIT: 'needs a call to another server; test/behaviour/foreign-waits.test.ts',
  UNBOUND_LIBRARY: 'needs a library; test/integration/unbound-libraries.test.ts',
  AMBIGUOUS_DATABASE: 'of several databases none is meant',
  TARGET_SESSION: 'the cause of a CONNECT_FAILED',
  UNSUPPORTED_SERVER: 'the cause of a CONNECT_FAILED',
  INVALID_CONTEXT: 'about what came from another process',
  RELAY_UNAVAILABLE: 'about what a relay hands messages to',
  OUTBOX_UNKNOWN: 'needs a cut wire several times; test/integration/outbox-faults.test.ts',
  UNKNOWN_QUEUE: 'about a queue',
  ANSWER_LOST: 'needs a cut wire during a COMMIT; test/integration/commit-resolution.test.ts',
  COMMIT_TABLE: 'needs a table that is missing; test/integration/commit-resolution.test.ts',
  INVALID_PAYLOAD: 'about what was published',
  PAYLOAD_TOO_LARGE: 'about a job',
  UNSERIALIZABLE: 'about a job',
  WOULD_DEADLOCK: 'about a job',
  JOB_TIMEOUT: 'about a job',
  JOB_DROPPED: 'about a job',
  JOB_OVERRUN: 'about a job',
  JOB_RELEASED: 'about a job',
  JOB_NOT_FOUND: 'about a job',
  JOB_STATE: 'about a job',
  ADMINISTRATION_UNSUPPORTED: 'about an engine',
  JOBS_CLOSED: 'about the jobs of a process',
  QUEUE_UNAVAILABLE: 'about the server of an engine',
  BROKER_UNREACHABLE: 'about a broker',
  CONSUMER_STOPPED: 'about a consumer',
  HANDLER_CRASHED: 'about a message',
  HANDLER_TIMEOUT: 'about a message',
  INTERLEAVE_SETUP: 'about the call of interleave',
  INTERLEAVE_ACTOR: 'about an actor of interleave',
  ANOMALY_FOUND: 'about a report of interleave',
  NOTHING_INTERLEAVED: 'about a report of interleave',
  NOT_REPEATABLE: 'about a body that is repeated',
  NOTHING_REPEATED: 'about the call of proveRepeatable',
  REPEATABLE_SETUP: 'about the call of proveRepeatable',
  TEST_DATABASE: 'about databases for tests',
  PRODUCTION_DATABASE: 'about databases for tests',
  ENQUEUE_UNKNOWN: 'about a job',
  NOTIFICATIONS_UNHEARD: 'about the server of an engine',
  CACHE_STORE_FAILED: 'about the store of a cache',
  CACHE_VALUE_TOO_LARGE: 'about a value',
  CACHE_LOAD_CIRCLE: 'about a value',
  CACHE_LOAD_TIMEOUT: 'about a value',
};

it('every code is in one of the two lists', () => {
  const all = { ...sluice, ...outbox, ...queue, ...testing, ...model, ...cache, ...drivers, ...port };
  const codes = Object.values(all).flatMap((value) =>
    typeof value === 'function' && value.prototype instanceof sluice.SluiceError
      ? [(value as unknown as { readonly code: string }).code]
      : [],
  );
  expect([...Object.keys(placed), ...Object.keys(elsewhere)].toSorted()).toEqual([...new Set(codes)].toSorted());
});

describe('its client and level are named by', () => {
  it.each(Object.entries(placed))('%s', async (code, row) => {
    const error = await rejection(row.come());
    expect(error).toMatchObject({ code, clientName: 'shop' });
    expect(error['level']).toBe('level' in row ? row.level : 1);
    if (row.level === undefined && 'level' in row) expect(row.why).toBeTypeOf('string');
    // Who reads the message alone has at least the client.
    expect(error.message).toContain('shop');
  });
});

describe('so they are where a library sends a statement', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['that would begin a transaction on any connection', () => ambientPool(database).query('begin')],
    [
      'that ends a transaction which it has not begun',
      () =>
        atLevel1(async () => {
          const client = await ambientPool(database).connect();
          await client.query('rollback');
        }),
    ],
    ['that is no text', () => database.query(7 as never)],
    ['with a value that cannot be sent', () => database.query('select $1', [() => {}])],
  ])('%s', async (_, send) => {
    const error = await rejection(send());
    if (error['code'] === 'TRANSACTION_CONTROL') expect(error).toMatchObject({ clientName: 'shop' });
    else expect(error.message).toContain('shop');
  });
});
