// Every option of what TypeORM's own calls take: it has the effect that it has on a pool of its own.
import {
  type DataSource,
  type EntityManager,
  type FindManyOptions,
  type QueryRunner,
  type RemoveOptions,
  type SaveOptions,
  TypeORMError,
} from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import type { Database, TransactionOptions } from '../../../src/index.ts';
import { engine, useTestDatabase } from '../../support/database.ts';
import { rejection, until } from '../../support/settled.ts';
import { failureIfAny, openings, Part, Product, schema } from './typeorm.ts';

const server = useTestDatabase(...schema);
const opened: DataSource[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((dataSource) => dataSource.destroy()));
  await server.sql('delete from part');
});

type Act = (dataSource: DataSource) => Promise<unknown>;

async function open(make: () => DataSource | Promise<DataSource>): Promise<DataSource> {
  const dataSource = await make();
  opened.push(dataSource);
  return dataSource;
}

const control = /^(?:START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET TRANSACTION)/;

/** What comes of it, and what TypeORM says that it sends, in any order: it loads chunks at once. */
async function seen(dataSource: DataSource, act: Act): Promise<{ readonly came: unknown; readonly log: string[] }> {
  await server.sql('delete from part');
  await server.sql('delete from product');
  await server.sql('insert into product (id, stock) values (1, 1), (2, 2)');
  const log: string[] = [];
  const { logger } = dataSource;
  dataSource.logger = Object.assign(Object.create(logger) as typeof logger, {
    logQuery: (query: string) => void log.push(query),
    logMigration: () => {},
  });
  let result: unknown;
  const failure = await failureIfAny(act(dataSource).then((value) => (result = value)));
  dataSource.logger = logger;
  // As it is now: entities are changed by what is done with them later.
  const came: unknown = JSON.parse(JSON.stringify(failure ?? result ?? null));
  // What it begins by itself to write is an ambient transaction, which it does not see.
  return { came, log: log.filter((query) => !control.test(query)).toSorted() };
}

const rows = (): Promise<unknown[]> => server.sql('select * from product order by id');

/** Outside of an ambient transaction all is as without Sluice, and inside too, but for being in a transaction. */
async function compare(act: Act, given: TransactionOptions = {}, isOut = false): Promise<void> {
  const alone = await seen(await open(() => openings.alone(server.url)), act);
  const rowsAlone = await rows();
  const database = server.open({ max: 4 });
  const bound = await open(() => openings.bound(database));
  expect(await seen(bound, act)).toEqual(alone);
  expect(await rows()).toEqual(rowsAlone);
  const inside = await database.transaction(() => seen(bound, act), given);
  if (isOut) expect(inside).not.toEqual(alone);
  else expect(inside).toEqual(alone);
  expect(await rows()).toEqual(rowsAlone);
  await isGivenBack(database);
}

async function isGivenBack(database: Database<'default'>): Promise<void> {
  await until('all connections are given back', () => database.stats().clients.default.used === 0);
}

/** Runs with a subscriber, and gives what that was told beside the result. */
function told(act: Act): Act {
  return async (dataSource) => {
    const heard: unknown[] = [];
    const hear =
      (event: string) =>
      ({ queryRunner }: { queryRunner: QueryRunner }): void =>
        void heard.push([event, queryRunner.data, queryRunner.isTransactionActive]);
    const events = ['beforeInsert', 'afterInsert', 'beforeUpdate', 'afterUpdate', 'beforeRemove', 'afterRemove'];
    dataSource.subscribers.push(Object.fromEntries(events.map((event) => [event, hear(event)])));
    try {
      return { result: await act(dataSource), heard };
    } finally {
      dataSource.subscribers.length = 0;
    }
  };
}

const saves: Record<keyof SaveOptions, readonly SaveOptions[]> = {
  data: [{ data: { who: 'shop' } }],
  listeners: [{ listeners: true }, { listeners: false }],
  transaction: [{ transaction: true }, { transaction: false }],
  chunk: [{ chunk: 1 }, { chunk: 2 }],
  reload: [{ reload: true }, { reload: false }],
};
const removes: Record<keyof RemoveOptions, readonly RemoveOptions[]> = {
  data: [{ data: { who: 'shop' } }],
  listeners: [{ listeners: true }, { listeners: false }],
  transaction: [{ transaction: true }, { transaction: false }],
  chunk: [{ chunk: 1 }],
};

/** Each in a transaction, and by itself. */
function inAndOut(act: (manager: EntityManager) => Promise<unknown>): Act {
  return async (dataSource) => [
    await failureIfAny(act(dataSource.manager)),
    await dataSource.transaction((manager) => act(manager)),
  ];
}

describe('options of save', () => {
  it.each(Object.values(saves).flat())('%o', async (options) => {
    const products = (): Product[] => [{ id: 1, stock: 5 }, { id: 3 }, { id: 4, stock: 4 }];
    const act = inAndOut((manager) => manager.save(Product, products(), options));
    await compare(told(act), {}, options.transaction === false);
  });
});

describe('options of remove', () => {
  it.each(Object.values(removes).flat())('%o', async (options) => {
    const act = async (manager: EntityManager): Promise<unknown> =>
      await manager.remove(Product, await manager.find(Product, { order: { id: 'DESC' } }), options);
    await compare(told(inAndOut(act)), {}, options.transaction === false);
  });
});

type Lock = NonNullable<FindManyOptions['lock']>;
type Pessimistic = Exclude<Lock, { mode: 'optimistic' }>;
const modes: Record<Pessimistic['mode'], true> = {
  pessimistic_read: true,
  pessimistic_write: true,
  dirty_read: true,
  for_no_key_update: true,
  for_key_share: true,
};
const onLocked: Record<NonNullable<Pessimistic['onLocked']>, true> = { nowait: true, skip_locked: true };
const locks = Object.keys(modes).flatMap((mode) =>
  [undefined, ...Object.keys(onLocked)].map((locked) => ({ mode, onLocked: locked }) as Pessimistic),
);

const finds: Record<keyof FindManyOptions<Part>, readonly FindManyOptions<Part>[]> = {
  comment: [{ comment: 'of the shop' }],
  select: [{ select: { id: true } }],
  where: [{ where: { id: 1 } }],
  relations: [{ relations: { product: true } }],
  relationLoadStrategy: [
    { relations: { product: true }, relationLoadStrategy: 'query' },
    { relations: { product: true }, relationLoadStrategy: 'join' },
  ],
  order: [{ order: { id: 'DESC' } }],
  cache: [{ cache: false }, { cache: true }],
  lock: [...locks.map((lock) => ({ lock })), { lock: { mode: 'pessimistic_write', tables: ['part'] } }],
  withDeleted: [{ withDeleted: true }],
  loadRelationIds: [{ loadRelationIds: true }],
  loadEagerRelations: [{ loadEagerRelations: false }],
  transaction: [{ transaction: true }, { transaction: false }],
  skip: [{ skip: 1, take: 1 }],
  take: [{ take: 1 }],
};

describe('options of find', () => {
  it.each(Object.values(finds).flat())('%o', async (options) => {
    await compare(async (dataSource) => {
      await dataSource.manager.insert(Part, [
        { id: 1, version: 1, product: { id: 1 } },
        { id: 2, version: 1, product: { id: 2 } },
      ]);
      return await dataSource.transaction((manager) => manager.find(Part, options));
    });
  });
});

type IsolationLevel = NonNullable<Parameters<QueryRunner['startTransaction']>[0]>;
const levels: Record<IsolationLevel, boolean> = {
  'READ UNCOMMITTED': true,
  'READ COMMITTED': true,
  'REPEATABLE READ': true,
  SERIALIZABLE: true,
  // It is that of other servers.
  SNAPSHOT: false,
};

/** What can be told of a transaction's isolation from within. */
async function effectOf({ manager }: QueryRunner): Promise<unknown> {
  if (engine.name === 'postgres') return await manager.query('show transaction_isolation');
  const first = await manager.countBy(Product, { stock: 1 });
  const beside = server.sql('set statement innodb_lock_wait_timeout = 0 for update product set stock = 7 where id = 1');
  const isLocked = await beside.then(
    () => false,
    () => true,
  );
  return { first, isLocked, again: await manager.countBy(Product, { stock: 1 }) };
}

const entrances: Record<string, (dataSource: DataSource, level: IsolationLevel) => Promise<unknown>> = {
  'dataSource.transaction': (dataSource, level) =>
    dataSource.transaction(level, ({ queryRunner }) => effectOf(queryRunner as QueryRunner)),
  'manager.transaction': ({ manager }, level) =>
    manager.transaction(level, ({ queryRunner }) => effectOf(queryRunner as QueryRunner)),
  async 'runner.startTransaction'(dataSource, level) {
    const runner = dataSource.createQueryRunner();
    try {
      await runner.startTransaction(level);
      const effect = await effectOf(runner);
      await runner.commitTransaction();
      return effect;
    } finally {
      await runner.release();
    }
  },
};

describe.each(Object.entries(entrances))('%s at', (_, entrance) => {
  it.each(Object.entries(levels) as [IsolationLevel, boolean][])('%s', async (isolationLevel, isKnown) => {
    const act: Act = (dataSource) => entrance(dataSource, isolationLevel);
    if (isKnown) return await compare(act, { isolationLevel });
    const database = server.open({ max: 1 });
    const bound = await open(() => openings.bound(database));
    expect(await rejection(act(bound))).toBeInstanceOf(TypeORMError);
    expect(await rejection(database.transaction(() => act(bound)))).toBeInstanceOf(TypeORMError);
    await isGivenBack(database);
  });

  it('a level above that of the ambient transaction is refused', async () => {
    const database = server.open({ max: 1 });
    const bound = await open(() => openings.bound(database));
    const more = database.transaction(async () => {
      await bound.query('select 1');
      await entrance(bound, 'SERIALIZABLE');
    });
    expect(await rejection(more)).toMatchObject({ driverError: { code: 'INCOMPATIBLE_TRANSACTION' } });
    await isGivenBack(database);
  });
});

type MigrationOptions = NonNullable<Parameters<DataSource['runMigrations']>[0]>;
const migrations: Record<keyof MigrationOptions, readonly MigrationOptions[]> = {
  transaction: [{ transaction: 'all' }, { transaction: 'each' }, { transaction: 'none' }],
  fake: [{ fake: true }, { fake: false }],
};

describe('options of runMigrations', () => {
  // DDL is refused inside on MariaDB, so the table is there.
  it.each(Object.values(migrations).flat())('%o', async (options) => {
    class Restock1700000000001 {
      async up({ manager }: QueryRunner): Promise<void> {
        await manager.update(Product, { id: 1 }, { stock: 9 });
      }
      async down({ manager }: QueryRunner): Promise<void> {
        await manager.update(Product, { id: 1 }, { stock: 1 });
      }
    }
    const setUp = await open(() => openings.alone(server.url));
    await setUp.showMigrations();
    await compare(async (dataSource) => {
      await server.sql('delete from migrations');
      Object.assign(dataSource, { migrations: [new Restock1700000000001()] });
      const done = (await dataSource.runMigrations(options)).map(({ name }) => name);
      const { stock } = await dataSource.manager.findOneByOrFail(Product, { id: 1 });
      const pending = await dataSource.showMigrations();
      await dataSource.undoLastMigration(options);
      return { done, stock, pending };
    });
  });
});
