// Settings by context as user variables: what the server is told of them, when, and that no one sees what is another's.
import { drizzle } from 'drizzle-orm/mysql2';
import { int, mysqlTable } from 'drizzle-orm/mysql-core';
import { Kysely, MysqlDialect } from 'kysely';
import { EntitySchema } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCache, MemoryStore } from '../../src/cache/index.ts';
import { ambientPool, mysql } from '../../src/drivers/mysql/index.ts';
import { mysqlSettings } from '../../src/drivers/mysql/sql/settings.ts';
import {
  type ContextOptions,
  createDatabase,
  type Database,
  InvalidSettingError,
  MissingSettingError,
  type SettingsByContext,
  SettingsChangedError,
  sql,
  withContext,
} from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { createModel, defineModel } from '../../src/model/index.ts';
import { rolledBack } from '../../src/testing/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase(
  'create function tenant() returns int no sql return @tenant',
  // The products of a tenant are the even ones, those of the other one the odd ones.
  'create view own as select id, stock from product where id % 2 = tenant() with check option',
  'create table kept (id int) engine = aria',
  'create procedure keep() begin insert into kept values (1); commit; end',
  'create function marked() returns int modifies sql data begin insert into product (id) values (900); return 1; end',
);
let proxy: TcpProxy;
beforeAll(async () => {
  proxy = await startTcpProxy(server.url);
});
afterAll(() => proxy.close());

const byTenant: SettingsByContext = ({ tenant }) => ({ '@tenant': tenant });
const even: ContextOptions = { tenant: '0' };
const odd: ContextOptions = { tenant: '1' };
const nobody: ContextOptions = { tenant: 'nobody' };
const nested = { propagation: 'NESTED' } as const;
const isolated = { propagation: 'REQUIRES_NEW' } as const;

async function withDatabase<Result>(
  work: (database: Database<'default'>) => Promise<Result>,
  settings: SettingsByContext = ({ tenant }) => ({ '@tenant': tenant === 'nobody' ? null : tenant }),
  max = 1,
): Promise<Result> {
  const database = createDatabase({ clients: { default: mysql({ uri: proxy.url, max, settings }) } });
  try {
    return await work(database);
  } finally {
    await database.close({ timeout: 5_000 });
  }
}

const asked = 'select @tenant as tenant';
const tenantOf = async (database: Database<'default'>): Promise<unknown> =>
  (await database.query(asked)).rows[0]?.['tenant'];
const addOwn = (id: number): ReturnType<typeof sql> => sql`insert into own (id) values (${id})`;

describe('settings by context', () => {
  it('hold in transactions, in those inside of them, and in statements outside of any', async () => {
    await withDatabase(async (database) => {
      const both = await Promise.all(
        [even, odd].map((context) =>
          withContext(context, async () => [
            await tenantOf(database),
            await database.transaction(async () => [
              await tenantOf(database),
              await database.transaction(() => tenantOf(database), isolated),
              await database.transaction(() => tenantOf(database), nested),
              await withContext(context === even ? odd : even, () =>
                database.transaction(() => tenantOf(database), isolated),
              ),
              await tenantOf(database),
            ]),
            await database.transaction(() => tenantOf(database), { isolationLevel: 'SNAPSHOT' }),
            (await database.batch([sql.raw(asked)]))[0].rows[0]?.['tenant'],
          ]),
        ),
      );
      expect(both).toEqual([
        ['0', ['0', '0', '0', '1', '0'], '0', '0'],
        ['1', ['1', '1', '1', '0', '1'], '1', '1'],
      ]);
    });
  });

  it('are taken back for whom they are not given', async () => {
    await withDatabase(async (database) => {
      const ends: (() => Promise<unknown>)[] = [
        () => database.query(asked),
        () => database.transaction(() => tenantOf(database)),
        () => rejection(database.transaction(() => database.query('select * from nothing_of_that_name'))),
        () => database.transaction(() => tenantOf(database), { isolationLevel: 'SNAPSHOT' }),
        () => database.query('create temporary table if not exists scratch (id int)'),
        () => ambientPool(database).promise().query(asked),
      ];
      const backend = async (): Promise<unknown> =>
        (await database.query('select connection_id() as id')).rows[0]?.['id'];
      const before = await withContext(nobody, backend);
      for (const end of ends) {
        await withContext(even, end);
        expect(await withContext(nobody, () => tenantOf(database))).toBeNull();
        await withContext(even, end);
        expect(await withContext(nobody, () => database.transaction(() => tenantOf(database)))).toBeNull();
        await withContext(even, end);
        expect((await withContext(nobody, () => ambientPool(database).promise().query(asked)))[0]).toEqual([
          { tenant: null },
        ]);
      }
      expect(await withContext(nobody, backend)).toBe(before);
    });
  });

  it('let others of the same name stay with those for whom they are', async () => {
    const two: SettingsByContext = ({ tenant, locale }) => ({ '@tenant': tenant, '@locale': locale ?? null });
    const both = 'select @tenant as tenant, @locale as locale';
    await withDatabase(async (database) => {
      const seen = (context: ContextOptions): Promise<unknown> =>
        withContext(context, async () => (await database.query(both)).rows[0]);
      expect(await seen({ tenant: '0', locale: 'de' })).toEqual({ tenant: '0', locale: 'de' });
      expect(await seen({ tenant: '1' })).toEqual({ tenant: '1', locale: null });
      expect(await seen({ tenant: '1', locale: 'fr' })).toEqual({ tenant: '1', locale: 'fr' });
    }, two);
  });

  it('keep their values out of texts, whatever is in them', async () => {
    const strange = `a'b"c\\d; drop table product -- ☃`;
    await withDatabase(async (database) => {
      expect(await withContext({ tenant: strange }, () => tenantOf(database))).toBe(strange);
    });
  });

  it('let nothing be carried out for another one, or for none, where the server refuses them', async () => {
    const { driver } = mysql({ uri: server.url });
    const connection = await driver.connect(AbortSignal.timeout(10_000));
    // No name that passes the check is refused, so this is one that does not.
    const refused = { type: 'statement', statement: mysqlSettings.apply(new Map([['@a b', '0']]), []) } as const;
    const begin = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } } as const;
    const insert = { type: 'statement', statement: { text: 'insert into product (id) values (1)' } } as const;
    const reading = { type: 'statement', statement: { text: 'select marked() as one' } } as const;
    const calling = { type: 'statement', statement: { text: 'call keep()' } } as const;
    const plainly = { type: 'statement', statement: { text: 'select id from product' } } as const;
    const commit = { type: 'commit' } as const;
    try {
      for (const steps of [
        [begin, refused, insert, commit],
        [begin, refused, reading, commit],
        [begin, refused, plainly, commit],
        [begin, refused, calling, commit],
        [begin, refused, insert, insert, commit],
        [begin, refused, calling],
        [begin, refused, insert],
        [refused, insert],
      ]) {
        const exchange = await connection.run(steps);
        expect(exchange).toMatchObject({ completed: steps[0] === begin ? 1 : 0, results: [], ended: undefined });
        expect(exchange.failure).toMatchObject({ error: { errno: 1064 } });
        expect(connection.status).not.toBe('active');
        if (connection.status !== 'idle') await connection.run([{ type: 'rollback' }]);
        expect(connection.status).toBe('idle');
        expect(await server.products()).toEqual([]);
        expect(await server.sql('select * from kept')).toEqual([]);
      }
    } finally {
      await connection.destroy();
    }
  });

  it('take a round trip where they are taken back or a lone statement writes, and none otherwise', async () => {
    await withDatabase(async (database) => {
      const counted = async (context: ContextOptions, work: () => Promise<unknown>): Promise<number> => {
        await withContext(context, () => database.query(asked));
        proxy.takeTrips();
        await withContext(context, work);
        return proxy.takeTrips();
      };
      const read = (): Promise<unknown> => database.query('select id from own where id = ?', [2]);
      await withContext(even, read);
      expect(await counted(even, read)).toBe(1);
      expect(await counted(even, () => database.transaction(read))).toBe(2);
      expect(await counted(even, () => database.transaction(read, { isolationLevel: 'SERIALIZABLE' }))).toBe(2);
      const five = async (): Promise<void> => {
        for (let index = 0; index < 5; index += 1) await read();
      };
      expect(await counted(even, () => database.transaction(five))).toBe(6);
      expect(await counted(even, () => database.query('insert into own (id) values (2)'))).toBe(2);
      expect(await counted(even, () => database.batch([addOwn(4), addOwn(6)]))).toBe(2);
      const changed = async (): Promise<void> => {
        await withContext(odd, read);
        await withContext(nobody, read);
        await withContext(nobody, read);
      };
      expect(await counted(even, changed)).toBe(4);
    });
  });
});

describe('settings on a connection of a library', () => {
  it('hold in its statements and in its own transactions, whose isolation it may still set', async () => {
    await withDatabase(async (database) => {
      const client = await withContext(even, () => ambientPool(database).promise().getConnection());
      const tenant = async (): Promise<unknown> => {
        const [rows] = await client.query(asked);
        return (rows as { tenant: unknown }[])[0]?.tenant;
      };
      try {
        await withContext(even, async () => {
          expect(await tenant()).toBe('0');
          await client.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
          await client.query('START TRANSACTION');
          await client.query('SAVEPOINT one');
          expect(await tenant()).toBe('0');
          await client.query('insert into own (id) values (2)');
          await client.query('ROLLBACK TO SAVEPOINT one');
          expect(await tenant()).toBe('0');
          await client.query('COMMIT');
          await rejection(client.query('select * from nothing_of_that_name'));
          expect(await tenant()).toBe('0');
        });
        expect(await withContext(odd, tenant)).toBe('1');
        expect(await withContext(nobody, tenant)).toBeNull();
        await withContext(even, () => client.beginTransaction());
        expect(await withContext(even, tenant)).toBe('0');
        expect(await withContext(odd, () => rejection(tenant()))).toBeInstanceOf(SettingsChangedError);
        await withContext(even, () => client.query('insert into own (id) values (4)'));
        await client.commit();
        expect(await withContext(nobody, tenant)).toBeNull();
      } finally {
        client.release();
      }
      expect(await server.products()).toEqual([4]);
    });
  });
});

describe('settings are refused', () => {
  const none = { used: 0, idle: 0, opening: 0 };

  it('before a connection is taken, where one has no value', async () => {
    await withDatabase(async (database) => {
      const calls = [
        (): Promise<unknown> => database.query('select 1'),
        (): Promise<unknown> => database.transaction(() => database.query('select 1')),
        (): Promise<unknown> => database.batch([sql`select 1`]),
        (): Promise<unknown> => ambientPool(database).promise().query('select 1'),
        (): Promise<unknown> => ambientPool(database).promise().getConnection(),
      ];
      for (const call of calls) expect(await rejection(call())).toBeInstanceOf(MissingSettingError);
      expect(database.stats().clients.default).toMatchObject(none);
    }, byTenant);
  });

  it.each(['tenant', '@@sql_mode', 'autocommit', '@a b', '@a`', "@a'", '@', '@1', `@${'a'.repeat(64)}`, '@a, @b'])(
    'before a connection is taken, with the name %s',
    async (name) => {
      await withDatabase(
        async (database) => {
          const error = await rejection(database.query('select 1'));
          expect(error).toBeInstanceOf(InvalidSettingError);
          expect(String(error)).toContain('such as @tenant');
          expect(database.stats().clients.default).toMatchObject(none);
        },
        () => ({ [name]: '1' }),
      );
    },
  );

  it('when they change inside of a transaction, of which nothing is sent then', async () => {
    await withDatabase(async (database) => {
      const error = await withContext(even, () =>
        database.transaction(async () => {
          await database.query('insert into own (id) values (2)');
          return await withContext(odd, () => rejection(database.query('insert into own (id) values (3)')));
        }),
      );
      expect(error).toBeInstanceOf(SettingsChangedError);
      expect(await server.products()).toEqual([2]);
    });
  });
});

describe('tests that roll back', () => {
  it('have the settings of each statement, although they are one transaction', async () => {
    await withDatabase(async (database) => {
      const seen: unknown[] = [];
      const one = async (): Promise<void> => void seen.push(await database.transaction(() => tenantOf(database)));
      await withContext(even, () =>
        rolledBack(database, async () => {
          await one();
          await withContext(odd, one);
          await withContext(nobody, one);
          await one();
        }),
      );
      expect(seen).toEqual(['0', '1', null, '0']);
    });
  });
});

type Product = { id: number };
const TypeormProduct = new EntitySchema<Product>({
  name: 'own',
  tableName: 'own',
  columns: { id: { type: 'int', primary: true } },
});
const drizzleProduct = mysqlTable('own', { id: int().primaryKey() });

/** What each library can do; ids are those that it sees. */
interface Shop {
  readonly ids: () => Promise<readonly number[]>;
  /** In a transaction of the library. */
  readonly idsWithin: () => Promise<readonly number[]>;
  readonly insert: (id: number) => Promise<unknown>;
}

const idsOf = (rows: unknown): number[] => (rows as readonly Product[]).map(({ id }) => id);
const select = 'select id from own';

async function openShops(database: Database<'default'>): Promise<{
  readonly byName: Readonly<Record<string, Shop>>;
  readonly close: () => Promise<unknown>;
}> {
  const kysely = bindKysely(
    new Kysely<{ own: Product }>({ dialect: new MysqlDialect({ pool: ambientPool(database) }) }),
    database,
  );
  const knex = createKnex(database);
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const source = await createDataSource(database, { type: 'mariadb', entities: [TypeormProduct] }).initialize();
  const plain = ambientPool(database).promise();
  const store = new MemoryStore();
  const model = createModel(
    database,
    defineModel<Product>({
      table: 'own',
      key: 'id',
      cache: { store, entity: true, query: true, memory: { max: 100 } },
    }),
  );
  const list = createCache<number[], string>(database, { name: 'list', store, memory: { max: 100 } });
  const cached = async (): Promise<readonly number[]> => [
    ...idsOf(await model.select()),
    ...(await list.getOrSet('all', async () => idsOf((await database.query(select)).rows))),
  ];
  const byName: Record<string, Shop> = {
    Sluice: {
      ids: async () => idsOf((await database.query(select)).rows),
      idsWithin: () => database.transaction(async () => idsOf((await database.query(select)).rows)),
      insert: (id) => database.query(addOwn(id)),
    },
    mysql2: {
      ids: async () => idsOf((await plain.query(select))[0]),
      async idsWithin() {
        const client = await plain.getConnection();
        try {
          await client.query('start transaction');
          const [rows] = await client.query(select);
          await client.query('commit');
          return idsOf(rows);
        } finally {
          client.release();
        }
      },
      insert: (id) => plain.execute('insert into own (id) values (?)', [id]),
    },
    Kysely: {
      ids: async () => idsOf(await kysely.selectFrom('own').select('id').execute()),
      idsWithin: () =>
        kysely.transaction().execute(async (trx) => idsOf(await trx.selectFrom('own').select('id').execute())),
      insert: (id) => kysely.insertInto('own').values({ id }).execute(),
    },
    Knex: {
      ids: async () => idsOf(await knex<Product>('own').select('id')),
      idsWithin: () => knex.transaction(async (trx) => idsOf(await trx<Product>('own').select('id'))),
      insert: async (id) => await knex('own').insert({ id }),
    },
    Drizzle: {
      ids: async () => idsOf(await db.select().from(drizzleProduct)),
      idsWithin: () => db.transaction(async (tx) => idsOf(await tx.select().from(drizzleProduct))),
      insert: async (id) => await db.insert(drizzleProduct).values({ id }),
    },
    TypeORM: {
      ids: async () => idsOf(await source.manager.find(TypeormProduct)),
      idsWithin: () => source.transaction(async (manager) => idsOf(await manager.find(TypeormProduct))),
      insert: (id) => source.manager.insert(TypeormProduct, { id }),
    },
    caches: { ids: cached, idsWithin: () => database.transaction(cached), insert: (id) => model.insert({ id }) },
  };
  const close = (): Promise<unknown> => Promise.all([kysely.destroy(), knex.destroy(), source.destroy()]);
  return { byName, close };
}

async function inShops(
  max: number,
  work: (byName: Readonly<Record<string, Shop>>, database: Database<'default'>) => Promise<void>,
): Promise<void> {
  await server.sql('insert into product (id) values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)');
  await withDatabase(
    async (database) => {
      // Some ask the server for its version when they begin.
      const { byName, close } = await withContext(even, () => openShops(database));
      await work(byName, database);
      await withContext(even, close);
    },
    byTenant,
    max,
  );
}

describe('two tenants', () => {
  it.each([1, 5])('see their own rows alone, through 2,500 calls at max: %d', { timeout: 300_000 }, async (max) => {
    await inShops(max, async (byName, database) => {
      const wrong: string[] = [];
      const shops = Object.entries(byName);
      let next = 0;
      const caller = async (): Promise<void> => {
        while (next < 2_500) {
          const index = next;
          next += 1;
          const tenant = Math.random() < 0.5 ? 0 : 1;
          const [name, shop] = shops[index % shops.length] ?? [];
          await withContext({ tenant: String(tenant) }, async () => {
            if (shop === undefined) return;
            if (index % 10 === 0) return void (await shop.insert(1_000 + index * 2 + tenant));
            const ids = await (Math.random() < 0.5 ? shop.ids() : shop.idsWithin());
            const foreign = ids.filter((id) => id % 2 !== tenant);
            if (foreign.length > 0 || ids.length < 5) wrong.push(`${name} as ${tenant}: ${ids.join()}`);
          });
        }
      };
      await Promise.all(Array.from({ length: 20 }, caller));
      expect(wrong).toEqual([]);
      expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
    });
  });

  it('cannot write what is not theirs, and nothing without a tenant', async () => {
    await inShops(2, async (byName) => {
      for (const [name, shop] of Object.entries(byName)) {
        const foreign = await withContext(even, () => rejection(shop.insert(7_001)));
        expect(textsOf(foreign), name).toContain('CHECK OPTION');
        for (const call of [shop.ids, shop.idsWithin, () => shop.insert(7_002)])
          expect(textsOf(await rejection(call())), name).toContain('has no value here');
      }
      expect((await server.products()).length).toBe(10);
    });
  });
});

/** What an error and its causes say. */
function textsOf(error: unknown): string {
  const said: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) said.push(at.message);
  return said.join('\n');
}
