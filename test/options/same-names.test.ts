import { afterAll, describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../src/index.ts';
import { defineModel } from '../../src/model/index.ts';
import { documentedOptions } from './interfaces.ts';
import { place } from './row.ts';
import { table } from './table.ts';
import { type Domain, nonsense } from './values.ts';

const declared = documentedOptions();
const here = place();
afterAll(async () => {
  await here.jobs.close({ timeout: 0 });
  await Promise.all([here.database.close(), here.far.close()]);
});

interface Use {
  /** The interface with the option. */
  readonly place: string;
  readonly domain: Domain;
  readonly comment: string;
}

/** Each option by its name, wherever it is an option. */
const uses: ReadonlyMap<string, readonly Use[]> = Map.groupBy(
  table.flatMap((row) =>
    Object.entries(row.options).map(([name, given]) => ({
      name,
      place: `${row.interface}.${name}`,
      domain: typeof given === 'function' ? given(here) : given,
      comment: declared.get(row.interface)?.get(name) ?? '',
    })),
  ),
  ({ name }) => name,
);
const all = [...uses.values()].flat();

describe('the name of a client', () => {
  const withOption = (option: string): readonly string[] =>
    [...declared].filter(([, options]) => options.has(option)).map(([name]) => name);

  it('is the option clientName, whatever it belongs to', () => {
    // Theirs is a client of Redis itself.
    expect(withOption('client')).toEqual(['RedisStoreOptions', 'RedisFleetOptions']);
    expect(withOption('clientName')).toEqual(expect.arrayContaining(['DbInfo', 'ModelOptions', 'RelayOptions']));
  });

  it('is not the option client of a model', () => {
    const old = { table: 'post', key: 'id', client: 'reports' };
    expect(() => defineModel(old as never)).toThrow(InvalidOptionError);
    expect(() => defineModel(old as never)).toThrow(
      'defineModel has no option "client". The options are: table, key, clientName',
    );
  });
});

describe('an option that is a time', () => {
  it('is in milliseconds, and its comment says so', () => {
    const unclear = all.filter(
      ({ domain, comment }) => (domain.range?.unit === 'milliseconds') !== /milliseconds/i.test(comment),
    );
    expect(unclear.map((use) => use.place)).toEqual([]);
  });

  it('is told by its name', () => {
    const isTime =
      /(?:timeout|delay|backoff|after|age|ttl|interval|lifetime|retention|staleness|runtime|pause|threshold|warning|lease|olderThan)$/i;
    const wrong = all.filter(
      ({ place: where, domain }) =>
        domain.range !== undefined && isTime.test(where) !== (domain.range.unit === 'milliseconds'),
    );
    expect(wrong.map((use) => use.place)).toEqual([]);
  });
});

describe('options of the same name', () => {
  /** Options that take other values than those of their name do, and why. The unit is the same all the same. */
  const exceptions: Readonly<Record<string, string>> = {
    'InspectorOptions.port': '0 is any that is free',
    'InspectorOptions.caches': 'it is a list',
    'JoinFleetOptions.caches': 'it is a list',
    'CloseOptions.timeout': '0 does not wait',
    'WorkerCloseOptions.timeout': '0 does not wait',
    'RelayStopOptions.timeout': '0 does not wait',
    'EventsStopOptions.timeout': '0 does not wait',
    'IncompleteOptions.limit': 'it is that of a page',
    'ResubmitOptions.limit': 'it is that of one statement',
    'DurableListenerOptions.id': 'the id of a listener is any line',
    'ConsumerStopOptions.timeout': '0 does not wait',
    'ModelOptions.clientName': 'it is looked up when there is a database',
    'BullmqOptions.clientName': 'it is looked up when there is a database',
    'PgBossOptions.clientName': 'it is looked up when there is a database',
    'RouteTransactionOptions.clientName': 'it is looked up when there is a request',
    'TransactionalRouteOptions.clientName': 'it is looked up when there is a request',
    'HttpContextOptions.tenant': 'it is found in each request',
    'RequestModuleOptions.tenant': 'it is found in each request',
    'SluiceFastifyOptions.tenant': 'it is found in each request',
    'SagasStopOptions.timeout': '0 does not wait',
    'WaitForOptions.timeout': 'it may be years, which no timer waits for',
    'ShutdownOptions.timeout': '0 does not wait',
    'ShutdownOptions.relay': 'it is one that runs',
    'ShutdownOptions.sagas': 'they are those that run, as relay is',
    'ShutdownOptions.events': 'they are those that run, as relay is',
    'SqliteOptions.max': 'SQLite has one connection',
    'PgBossOptions.max': 'one connection listens, and others run statements',
    'MemoryOptions.max': 'it counts copies of values',
    'PostgresOptions.ssl': 'its properties are read at once',
    'MysqlOptions.preparedStatements': 'they cannot be turned off, and the server limits their sum',
    'PgBossOptions.lostAfter': 'pg-boss knows no shorter time',
    'ModelCacheOptions.tags': 'they are those of columns',
    'ModelOptions.key': 'it is a column',
    'SelectOptions.cache': 'it says whether the cache is asked',
    'WrapInTransactionOptions.name': 'it is the key of a method',
    'JobListOptions.limit': 'it is that of a page',
    'OutboxListOptions.limit': 'it is that of a page',
    'ReceivedParkedOptions.limit': 'it is that of a page',
    'SagaListOptions.limit': 'it is that of a page',
    'ReplayOptions.limit': 'it is that of one statement',
    'ForgetOptions.limit': 'it is that of one transaction',
    'ForgetSagasOptions.limit': 'it is that of one transaction',
    'RouteIdempotencyOptions.scope': 'it is found in each request',
    'RouteIdempotencyOptions.fingerprint': 'it is found in each request',
    'IdempotentOptions.transaction': 'it has options of its own',
    'InspectorOptions.sagas': 'it is a handle, as outbox is',
    'InspectorOptions.events': 'it is a handle, as outbox is',
    'PublicationCountsOptions.limit': 'it is that of a table',
    'ReceivedCountsOptions.limit': 'it is that of a table',
    'SagaStartOptions.id': 'it is one line, such as the id of an order',
    'SagaRunOptions.id': 'it is one line, such as the id of an order',
    'NewOutboxMessage.id': 'the id of a message is any text',
    'PublishOptions.id': 'the id of a message is any text',
    'TestDatabasesOptions.name': 'it is a part of the names of databases',
    'NatsOptions.connection': 'it is that of its client',
    'RabbitmqOptions.connection': 'it is that of its client',
  };
  const checkOf = (domain: Domain): string =>
    JSON.stringify([domain.range, nonsense.filter(([, value]) => domain.accepts(value)).map(([kind]) => kind)]);

  it.each([...uses].filter(([, found]) => found.length > 1))('%s: one unit and one check', (_, found) => {
    const ordinary = found.filter((use) => !(use.place in exceptions));
    expect(new Set(found.map(({ domain }) => domain.range?.unit)).size).toBe(1);
    const checks = Map.groupBy(ordinary, ({ domain }) => checkOf(domain));
    expect([...checks].map(([check, same]) => [check, same.map((use) => use.place)]).slice(1)).toEqual([]);
  });

  it('differ where the exceptions say, and nowhere else', () => {
    const needless = Object.keys(exceptions).filter((name) => {
      const use = all.find((each) => each.place === name);
      const others = (uses.get(name.split('.')[1] ?? '') ?? []).filter((each) => !(each.place in exceptions));
      return (
        use === undefined || others.length === 0 || others.some((each) => checkOf(each.domain) === checkOf(use.domain))
      );
    });
    expect(needless).toEqual([]);
  });
});
