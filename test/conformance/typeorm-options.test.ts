// Every option of TypeORM's own types: it has an effect, or it is refused by its name.
import type { DataSourceOptions } from 'typeorm';
import { EntitySchema } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { createDatabase } from '../../src/index.ts';
import { type AmbientDataSource, createDataSource } from '../../src/integrations/typeorm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

type OptionsOf<Type> = Extract<DataSourceOptions, { type: Type }>;

/** A value that asks for something, and whether it is taken by a data source with its own database, by all, or by none. */
type Case = readonly [taken: 'own' | 'all' | 'none', value: unknown, harmless?: unknown];

const ofEveryEngine = {
  entities: ['all', []],
  subscribers: ['all', []],
  isolationLevel: ['all', 'SERIALIZABLE'],
  migrations: ['all', []],
  migrationsTableName: ['all', 'migration'],
  migrationsTransactionMode: ['all', 'each'],
  metadataTableName: ['all', 'metadata'],
  namingStrategy: ['all', undefined],
  logging: ['all', false],
  logger: ['all', 'simple-console'],
  maxQueryExecutionTime: ['all', 1000],
  synchronize: ['all', false],
  migrationsRun: ['all', false],
  dropSchema: ['all', false],
  entityPrefix: ['all', 'shop_'],
  entitySkipConstructor: ['all', true],
  relationLoadStrategy: ['all', 'query'],
  typename: ['all', 'kind'],
  cache: ['all', false],
  isolateWhereStatements: ['all', true],
  invalidWhereValuesBehavior: ['all', { null: 'throw' }],
  host: ['own', '127.0.0.1'],
  port: ['own', 1],
  username: ['own', 'shop'],
  password: ['own', 'secret'],
  database: ['own', 'shop'],
  ssl: ['own', true],
  poolSize: ['own', 3],
  driver: ['none', {}],
  replication: ['none', { master: {}, slaves: [] }],
} as const satisfies Record<string, Case>;

const cases = {
  postgres: {
    ...ofEveryEngine,
    url: ['own', 'postgres://127.0.0.1:1/shop'],
    extra: ['own', { max: 3, idleTimeoutMillis: 10, connectionTimeoutMillis: 10 }],
    schema: ['all', 'public'],
    useUTC: ['all', false],
    uuidExtension: ['all', 'pgcrypto'],
    installExtensions: ['all', false],
    extensions: ['all', []],
    parseInt8: ['all', true],
    applicationName: ['own', 'shop'],
    connectTimeoutMS: ['own', 10],
    nativeDriver: ['none', {}],
    logNotifications: ['none', true, false],
    poolErrorHandler: ['all', () => {}],
  } satisfies Record<Exclude<keyof OptionsOf<'postgres'>, 'type'>, Case>,
  mysql: {
    ...ofEveryEngine,
    url: ['own', 'mysql://127.0.0.1:1/shop'],
    extra: ['own', { connectionLimit: 3 }],
    legacySpatialSupport: ['all', false],
    charset: ['own', 'utf8mb4'],
    timezone: ['own', 'Z'],
    socketPath: ['own', '/run/server.sock'],
    acquireTimeout: ['own', 10],
    connectTimeout: ['none', 10],
    insecureAuth: ['none', true, false],
    supportBigNumbers: ['none', false, true],
    bigNumberStrings: ['all', false],
    dateStrings: ['none', true, false],
    debug: ['none', true, false],
    trace: ['none', true],
    multipleStatements: ['none', true, false],
    flags: ['none', ['FOUND_ROWS']],
    enableQueryTimeout: ['none', true, false],
  } satisfies Record<Exclude<keyof OptionsOf<'mysql' | 'mariadb'>, 'type'>, Case>,
};

const databases = {
  postgres: createDatabase({ clients: { default: postgres({ host: '127.0.0.1', port: 1 }) } }),
  mysql: createDatabase({ clients: { default: mysql({ host: '127.0.0.1', port: 1 }) } }),
};
const refusal = (name: string): object =>
  expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(`"${name}`) as string });

describe.each(Object.entries(cases))('options of TypeORM on %s', (engine, table) => {
  const type = engine as keyof typeof cases;
  const own = (options: object): AmbientDataSource => createDataSource({ type, ...options });
  const onDatabase = (options: object): AmbientDataSource => createDataSource(databases[type], options);

  it.each(Object.entries<Case>(table))('%s', (name, [taken, value, harmless]) => {
    for (const [isOwn, create] of [[true, own] as const, [false, onDatabase] as const]) {
      const isTaken = taken === 'all' || (taken === 'own' && isOwn);
      if (isTaken)
        expect(create({ [name]: value }).options).toMatchObject(value === undefined ? {} : { [name]: value });
      else expect(() => create({ [name]: value })).toThrow(refusal(name));
      expect(() => create({ [name]: undefined, type: isOwn ? type : undefined })).not.toThrow();
      if (harmless !== undefined) expect(() => create({ [name]: harmless })).not.toThrow();
    }
    // Wherever it stands.
    const inherited = Object.create({ [name]: value, type }) as never;
    if (taken === 'none') expect(() => createDataSource(inherited)).toThrow(refusal(name));
  });

  it('"extra" by each of its names', () => {
    expect(() => own({ extra: { statement_timeout: 5 } })).toThrow(refusal('extra.statement_timeout'));
    expect(() => own({ extra: { constructor: 5 } })).toThrow(refusal('extra.constructor'));
    expect(() => own({ extra: 5 })).toThrow(refusal('extra'));
    expect(() => own({ pool: { max: 0 } })).toThrow(refusal('max'));
    expect(() => own({ pool: { idleTimeoutMillis: 0 } })).toThrow(refusal('idleTimeoutMillis'));
    expect(() => own({ clientName: 'other' })).toThrow(refusal('clientName'));
    expect(() => onDatabase({ pool: { max: 3 } })).toThrow(refusal('pool'));
  });
});

it.each(['clientNam', 'clientname', 'clientNames', 'Type'])('%s, which is almost an option of ours', (name) => {
  expect(() => createDataSource(databases.mysql, { [name]: 'mariadb' })).toThrow(refusal(name));
  expect(() => createDataSource({ type: 'postgres', Pool: { max: 3 } } as never)).toThrow(refusal('Pool'));
});

it.each([
  ['postgres', 'mysql'],
  ['postgres', 'mariadb'],
  ['mysql', 'postgres'],
  ['mysql', 'sqlite'],
] as const)('on a client of %s the type %s is refused', (engine, type) => {
  expect(() => createDataSource(databases[engine], { type } as never)).toThrow(refusal('type'));
});

describe('what is carried', () => {
  const server = useTestDatabase();
  const Product = new EntitySchema<{ id: number; stock?: number }>({
    name: 'product',
    columns: { id: { type: 'int', primary: true }, stock: { type: 'int', default: 0 } },
  });
  const show = async (dataSource: AmbientDataSource, setting: string): Promise<unknown> =>
    (await dataSource.query<Record<string, unknown>[]>(`show ${setting}`))[0]?.[setting];

  it('reaches the connection: applicationName, extra, connectTimeoutMS', async () => {
    const dataSource = createDataSource({
      type: 'postgres',
      url: server.url,
      applicationName: 'shop',
      connectTimeoutMS: 1_000,
      extra: { max: 1, options: '-c statement_timeout=4321' },
    });
    await dataSource.initialize();
    expect(await show(dataSource, 'application_name')).toBe('shop');
    expect(await show(dataSource, 'statement_timeout')).toBe('4321ms');
    const runner = dataSource.createQueryRunner();
    await runner.connect();
    expect(await rejection(dataSource.query('select 1'))).toMatchObject({ code: 'ACQUIRE_TIMEOUT' });
    await runner.release();
    await dataSource.destroy();
  });

  it('poolErrorHandler is told of a connection that died while it was idle', async () => {
    const died = Promise.withResolvers<unknown>();
    const dataSource = createDataSource(server.open({ max: 1 }), { poolErrorHandler: died.resolve });
    await dataSource.initialize();
    const [{ pid } = {}] = await dataSource.query<{ pid: number }[]>('select pg_backend_pid() as pid');
    await server.sql(`select pg_terminate_backend(${pid})`);
    expect(await died.promise).toMatchObject({ code: '57P01' });
    await dataSource.destroy();
  });

  it.each([true, false, undefined])(
    'parseInt8: %s, in a transaction and outside, for this data source alone',
    async (parseInt8) => {
      const dataSource = createDataSource(server.open({ max: 2 }), parseInt8 === undefined ? {} : { parseInt8 });
      await dataSource.initialize();
      const read = (): Promise<unknown> => dataSource.query('select 7::int8 as n, array[7::int8] as list, 7 as int4');
      const expected = [parseInt8 === true ? { n: 7, list: [7], int4: 7 } : { n: '7', list: ['7'], int4: 7 }];
      expect(await read()).toEqual(expected);
      expect(await dataSource.inTransaction(read)).toEqual(expected);
      expect((await dataSource.database.current.query('select 7::int8 as n')).rows).toEqual([{ n: '7' }]);
      await dataSource.destroy();
    },
  );

  it('isolationLevel, of all transactions that begin through the data source', async () => {
    const seen: unknown[] = [];
    const dataSource = createDataSource(server.open({ max: 3 }), {
      isolationLevel: 'SERIALIZABLE',
      entities: [Product],
    });
    await dataSource.initialize();
    const isolation = (): Promise<unknown> => show(dataSource, 'transaction_isolation');
    dataSource.subscribers.push({ afterInsert: async () => void seen.push(await isolation()) });
    expect(await dataSource.inTransaction(isolation)).toBe('serializable');
    expect(await dataSource.inTransaction(isolation, { isolationLevel: 'REPEATABLE READ' })).toBe('repeatable read');
    expect(await dataSource.transaction(isolation)).toBe('serializable');
    await dataSource.manager.save(Product, { id: 1, stock: 1 });
    expect(seen).toEqual(['serializable']);
    expect(await isolation()).toBe('read committed');
    // What joins asks for nothing.
    const { database } = dataSource;
    expect(await database.transaction(() => dataSource.inTransaction(isolation))).toBe('read committed');
    expect(await dataSource.inTransaction(isolation, { propagation: 'SUPPORTS' })).toBe('read committed');
    await dataSource.destroy();
  });
});
