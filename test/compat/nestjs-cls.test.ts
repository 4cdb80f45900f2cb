// The same programs with @nestjs-cls/transactional 3.3.0 and its adapter on a plain DataSource, and with the names of it here
// on one of Sluice: the same answers, but for what the page says is different.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as old from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm as OldTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import knexPackage, { type Knex } from 'knex';
import { Kysely, PostgresDialect, sql as kyselySql } from 'kysely';
import { ClsModule, ClsServiceManager } from 'nestjs-cls';
import pg from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as shim from '../../src/compat/nestjs-cls/index.ts';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { afterCommit, afterRollback, type Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { bindPrisma } from '../../src/integrations/prisma/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { generatePrismaClient, type ProductClient } from '../support/prisma-client.ts';
import { rejection } from '../support/settled.ts';
import { expectShown } from './difference-table.ts';

type Host = shim.TransactionHost<shim.TransactionalAdapterTypeOrm>;
interface Kit {
  readonly api: typeof shim;
  readonly host: Host;
  readonly module: TestingModule;
  readonly dataSource: DataSource;
}

const Product = new EntitySchema<{ id: number }>({ name: 'product', columns: { id: { type: 'int', primary: true } } });
const server = useTestDatabase();
const { Propagation } = shim;
let there: Kit;
let here: Kit;

async function kitOf(
  api: typeof shim,
  Adapter: typeof shim.TransactionalAdapterTypeOrm,
  dataSource: DataSource,
): Promise<Kit> {
  await dataSource.initialize();
  const plugin = (connectionName?: string, options = {}): shim.ClsPluginTransactional =>
    new api.ClsPluginTransactional({
      adapter: Object.assign(new Adapter({ dataSourceToken: DataSource, ...options }), {
        connectionToken: undefined,
        connection: dataSource,
      }),
      enableTransactionProxy: true,
      ...(connectionName === undefined ? {} : { connectionName }),
    });
  const module = await Test.createTestingModule({
    imports: [
      ClsModule.forRoot({
        plugins: [plugin(), plugin('serializable', { defaultTxOptions: { isolationLevel: 'SERIALIZABLE' } })],
      }),
    ],
  }).compile();
  await module.init();
  return { api, module, dataSource, host: module.get<Host>(api.TransactionHost) };
}

beforeAll(async () => {
  Logger.overrideLogger(false);
  const plain = new DataSource({ type: 'postgres', url: server.url, entities: [Product], poolSize: 4 });
  there = await kitOf(old as unknown as typeof shim, OldTypeOrm as never, plain);
  const ours = createDataSource({ type: 'postgres', url: server.url, entities: [Product], poolSize: 4 });
  here = await kitOf(shim, shim.TransactionalAdapterTypeOrm, ours);
});
afterAll(async () => {
  for (const { module, dataSource } of [there, here]) {
    await module.close();
    await dataSource.destroy();
  }
});

const declined = new Error('declined');
const fail = (): Promise<never> => Promise.reject(declined);
const save = ({ host }: Kit, id: number): Promise<unknown> => host.tx.getRepository(Product).save({ id });

async function outcomeOf(call: Promise<unknown>): Promise<unknown[]> {
  const result = await call.then(
    (value) => ['returned', value],
    (error: unknown) => ['threw', error === declined ? 'declined' : (error as Error).name],
  );
  return [...result, ...(await server.products())];
}

async function txid({ host }: Kit): Promise<string | null> {
  const rows = (await host.tx.query('select pg_current_xact_id_if_assigned()::text as txid')) as {
    txid: string | null;
  }[];
  return rows[0]?.txid ?? null;
}

function decorate(target: object, key: string, decorator: MethodDecorator): void {
  const descriptor = Object.getOwnPropertyDescriptor(target, key) ?? {};
  Object.defineProperty(
    target,
    key,
    (decorator(target, key, descriptor) as PropertyDescriptor | undefined) ?? descriptor,
  );
}

const same: Record<string, (kit: Kit) => Promise<unknown>> = {
  'withTransaction commits': (kit) => outcomeOf(kit.host.withTransaction(async () => void (await save(kit, 1)))),
  'and rolls back with an error': (kit) =>
    outcomeOf(kit.host.withTransaction(async () => (await save(kit, 1), await fail()))),
  'NESTED that fails is undone alone': (kit) =>
    outcomeOf(
      kit.host.withTransaction(async () => {
        await save(kit, 1);
        await kit.host
          .withTransaction(Propagation.Nested, async () => (await save(kit, 2), await fail()))
          .catch(() => undefined);
      }),
    ),
  'NESTED that succeeds goes with the transaction around it': (kit) =>
    outcomeOf(
      kit.host.withTransaction(async () => {
        await kit.host.withTransaction(Propagation.Nested, () => save(kit, 1));
        await fail();
      }),
    ),
  'REQUIRES_NEW is independent': (kit) =>
    outcomeOf(
      kit.host.withTransaction(async () => {
        await kit.host.withTransaction(Propagation.RequiresNew, () => save(kit, 1));
        await fail();
      }),
    ),
  'withoutTransaction is, too': (kit) =>
    outcomeOf(
      kit.host.withTransaction(async () => {
        await kit.host.withoutTransaction(() => save(kit, 1));
        await fail();
      }),
    ),
  'Promise.all of transactions gives each its own': async (kit) => {
    const each = (id: number): Promise<string | null> =>
      kit.host.withTransaction(async () => (await save(kit, id), await txid(kit)));
    return [new Set(await Promise.all([1, 2, 3].map(each))).size, ...(await server.products())];
  },
  'isTransactionActive, and a context of nestjs-cls': async ({ host }) => {
    const look = async (): Promise<boolean[]> => [
      host.isTransactionActive(),
      ClsServiceManager.getClsService().isActive(),
    ];
    return [
      await look(),
      await host.withTransaction(look),
      await host.withTransaction(() => host.withoutTransaction(look)),
      await host.withTransaction(() => host.withTransaction(Propagation.Nested, look)),
      await look(),
    ];
  },
  'options, in each form of the call': async ({ host }) => {
    const level = async (): Promise<unknown> => await host.tx.query('show transaction_isolation');
    const options = { isolationLevel: 'REPEATABLE READ' } as const;
    return [
      await host.withTransaction(options, level),
      await host.withTransaction(Propagation.RequiresNew, options, level),
      await host.withTransaction(Propagation.RequiresNew, level),
    ];
  },
  'the default options of a named plugin': async ({ api }) => {
    const host = api.TransactionHost.getInstance('serializable') as unknown as Host;
    const level = async (): Promise<unknown> => await host.tx.query('show transaction_isolation');
    return [await host.withTransaction(level), await host.withTransaction({ isolationLevel: 'READ COMMITTED' }, level)];
  },
  tokens: async ({ api, module, host }) => {
    const named = api.TransactionHost.getInstance('serializable');
    return [
      module.get(api.getTransactionHostToken() as never) === host,
      module.get(api.getTransactionHostToken('serializable') as never) === named,
      api.TransactionHost.getInstance() === (host as unknown),
      typeof api.InjectTransaction(),
      typeof api.InjectTransactionHost('serializable'),
    ];
  },
  'a host that there is not': async ({ api }) => {
    try {
      return api.TransactionHost.getInstance('nowhere');
    } catch (error) {
      return error instanceof Error;
    }
  },
  'the injected transaction is the one that is open': async (kit) => {
    const tx = kit.module.get<Kit['host']['tx']>(kit.api.getTransactionToken());
    const saved = kit.host.withTransaction(async () => {
      await tx.getRepository(Product).save({ id: 1 });
      await fail();
    });
    return [await outcomeOf(saved), await outcomeOf(tx.getRepository(Product).save({ id: 2 }))];
  },
  'a method': async (kit) => {
    class Products {
      readonly step = 2;
      async sell(id: number): Promise<boolean> {
        await save(kit, id * this.step);
        return kit.host.isTransactionActive();
      }
      async drop(): Promise<void> {
        await save(kit, 7);
        await fail();
      }
    }
    const { value: method } = Object.getOwnPropertyDescriptor(Products.prototype, 'sell') ?? {};
    Reflect.set(method as object, 'noted', true);
    decorate(Products.prototype, 'sell', kit.api.Transactional(Propagation.Required));
    decorate(
      Products.prototype,
      'drop',
      kit.api.Transactional<shim.TransactionalAdapterTypeOrm>(Propagation.RequiresNew, {
        isolationLevel: 'SERIALIZABLE',
      }),
    );
    const products = new Products();
    const { value: sell } = Object.getOwnPropertyDescriptor(Products.prototype, 'sell') ?? {};
    const noted: unknown = Reflect.get(sell as object, 'noted');
    return [products.sell.name, noted, await outcomeOf(products.sell(3)), await outcomeOf(products.drop())];
  },
  'a decorator on what is no method': async ({ api }) => {
    try {
      return decorate({ id: 7 }, 'id', api.Transactional());
    } catch (error) {
      return (error as Error).message.includes('id is not a function');
    }
  },
  'an adapter without transactions': async ({ api }) => {
    const tx = { query: async () => 'mocked' };
    const adapter = new api.NoOpTransactionalAdapter({ tx, disableWarning: true });
    const plugins = [new api.ClsPluginTransactional({ adapter, connectionName: 'mocked' })];
    const module = await Test.createTestingModule({ imports: [ClsModule.registerPlugins(plugins)] }).compile();
    const host = module.get<shim.TransactionHost>(api.getTransactionHostToken('mocked'));
    const given = [{}, { tx, txToken: 'TX' }].map((options) => {
      try {
        return new api.NoOpTransactionalAdapter(options);
      } catch (error) {
        return error instanceof Error;
      }
    });
    return [host.tx === tx, await host.withTransaction(async () => host.tx === tx), given];
  },
  'an adapter of the program, with its hooks': async ({ api }) => {
    const seen: unknown[] = [];
    const adapter = {
      connection: 'shop',
      optionsFactory: (connection: string) => ({
        async wrapWithTransaction(options: object, fn: () => Promise<never>, setTx: (tx?: string) => void) {
          seen.push('begin', options);
          setTx(`tx of ${connection}`);
          return await fn().finally(() => seen.push('end'));
        },
        getFallbackInstance: () => connection,
      }),
      onModuleInit: () => void seen.push('init'),
      onModuleDestroy: () => void seen.push('destroy'),
      supportsTransactionProxy: false,
    };
    const plugins = [new api.ClsPluginTransactional({ adapter, connectionName: 'own' })];
    const module = await Test.createTestingModule({ imports: [ClsModule.registerPlugins(plugins)] }).compile();
    await module.init();
    const host = api.TransactionHost.getInstance('own') as unknown as shim.TransactionHost<typeof adapter>;
    seen.push(host.tx);
    await host.withTransaction({ deep: true }, async () => {
      await host.withTransaction(async () => void seen.push(host.tx));
      await host.withTransaction(Propagation.Nested, async () => void seen.push(host.tx));
      await host.withoutTransaction(async () => void seen.push(host.tx));
    });
    await module.close();
    const refused = await outcomeOf(
      Promise.resolve().then(() => new api.ClsPluginTransactional({ adapter, enableTransactionProxy: true })),
    );
    return [seen, refused[0]];
  },
};
same['an adapter that gives its transaction late, takes it back, or gives none'] = async ({ api }) => {
  const seen: unknown[] = [];
  let give: (setTx: (tx?: string) => void) => void = () => {};
  let set: ((tx?: string) => void) | undefined;
  const adapter = {
    connection: 'shop',
    optionsFactory: () => ({
      async wrapWithTransaction(_options: object, fn: () => Promise<never>, setTx: (tx?: string) => void) {
        seen.push('begin');
        give(setTx);
        set ??= setTx;
        return await fn().finally(() => seen.push('end'));
      },
      getFallbackInstance: () => 'fallback',
    }),
  };
  const plugins = [new api.ClsPluginTransactional({ adapter, connectionName: 'late' })];
  const module = await Test.createTestingModule({ imports: [ClsModule.registerPlugins(plugins)] }).compile();
  const host = api.TransactionHost.getInstance('late') as unknown as shim.TransactionHost<typeof adapter>;
  const look = async (): Promise<void> => void seen.push(host.tx, host.isTransactionActive());
  await host.withTransaction(async () => {
    await look();
    await host.withTransaction(look);
    const mandatory = Promise.resolve().then(() => host.withTransaction(Propagation.Mandatory, look));
    seen.push(await outcomeOf(mandatory));
    set?.('late');
    await look();
    set?.(undefined);
    await look();
  });
  give = (setTx) => setTx('tx');
  await host.withTransaction(async () => {
    await look();
    await host.withTransaction(look);
  });
  await look();
  await module.close();
  return seen;
};
for (const [name, propagation] of Object.entries(Propagation)) {
  same[`${name} outside of a transaction`] = (kit) =>
    outcomeOf(
      Promise.resolve().then(() =>
        kit.host.withTransaction(propagation, async () => (await save(kit, 1), (await txid(kit)) !== null)),
      ),
    );
  same[`${name} inside of one`] = (kit) =>
    kit.host.withTransaction(async () => {
      await save(kit, 1);
      const outer = await txid(kit);
      const inner = async (): Promise<boolean> => (await save(kit, 2), (await txid(kit)) === outer);
      return await outcomeOf(Promise.resolve().then(() => kit.host.withTransaction(propagation, inner)));
    });
}

describe('the same with the package and here', () => {
  it.each(Object.entries(same))('%s', async (_name, run) => {
    const alone = await run(there);
    await server.sql('truncate product');
    expect(await run(here)).toEqual(alone);
  });
});

interface Difference {
  readonly run: (kit: Kit) => Promise<unknown>;
  readonly there: unknown;
  readonly here: unknown;
}

const ignored = 'Transaction options are ignored because the propagation mode is NOT_SUPPORTED (for method work).';

const differences: Record<string, Difference> = {
  'The error of an inner scope is caught': {
    run: (kit) =>
      outcomeOf(
        kit.host.withTransaction(async () => {
          await kit.host.withTransaction(async () => (await save(kit, 1), await fail())).catch(() => undefined);
        }),
      ),
    there: ['returned', undefined, 1],
    here: ['threw', 'UnexpectedRollbackError'],
  },
  'Another handle in a transaction': {
    run: ({ host, dataSource }) =>
      outcomeOf(
        host.withTransaction(async () => {
          await dataSource.getRepository(Product).save({ id: 1 });
          await fail();
        }),
      ),
    there: ['threw', 'declined', 1],
    here: ['threw', 'declined'],
  },
  '`tx` in a transaction': {
    run: ({ host, dataSource }) => host.withTransaction(async () => host.tx === dataSource.manager),
    there: false,
    here: true,
  },
  'Options of a scope that joins': {
    run: ({ host }) =>
      outcomeOf(
        host.withTransaction(() =>
          host.withTransaction(Propagation.Required, { isolationLevel: 'SERIALIZABLE' }, async () => 7),
        ),
      ),
    there: ['returned', 7],
    here: ['threw', 'IncompatibleTransactionError'],
  },
  'Warnings that options are ignored': {
    async run({ api }) {
      const warnings: string[] = [];
      Logger.overrideLogger({ log() {}, error() {}, warn: (message: string) => void warnings.push(message) });
      const host = api.TransactionHost.getInstance('serializable') as unknown as Host;
      const work = async (): Promise<void> => {};
      await host.withTransaction(async () => {
        await host.withTransaction(work);
        await host.withTransaction(Propagation.Mandatory, work);
        await host.withTransaction(Propagation.NotSupported, work);
      });
      const ofDefaults = warnings.splice(0).length;
      const options = { isolationLevel: 'SERIALIZABLE' } as const;
      await host.withTransaction(Propagation.NotSupported, options, work);
      const ofCall = warnings.splice(0);
      await host.withTransaction(Propagation.Never, options, work);
      await host.withTransaction(Propagation.Supports, options, work);
      Logger.overrideLogger(false);
      return [ofDefaults, ofCall, warnings.length];
    },
    there: [3, [ignored], 0],
    here: [0, [ignored], 2],
  },
  'Unknown options': {
    run: ({ host }) => outcomeOf(host.withTransaction({ isolation: 'SERIALIZABLE' } as never, async () => 7)),
    there: ['returned', 7],
    here: ['threw', 'InvalidOptionError'],
  },
  'A statement after the end of its transaction': {
    async run(kit) {
      const ended = Promise.withResolvers<void>();
      let late: Promise<unknown> | undefined;
      await kit.host.withTransaction(async () => {
        await save(kit, 1);
        late = ended.promise.then(() => save(kit, 2));
        late.catch(() => undefined);
      });
      ended.resolve();
      return await outcomeOf((late as Promise<unknown>).then(() => 'stored'));
    },
    there: ['returned', 'stored', 1, 2],
    here: ['threw', 'TransactionEndedError', 1],
  },
  'A context of its own in a transaction: `cls.exit`, `cls.run` with `override`': {
    run: (kit) =>
      outcomeOf(
        kit.host.withTransaction(async () => {
          await ClsServiceManager.getClsService().exit(() => save(kit, 1));
          await fail();
        }),
      ),
    there: ['threw', 'declined', 1],
    here: ['threw', 'declined'],
  },
  'A propagation that does not fit': {
    async run({ host }) {
      try {
        const call = host.withTransaction(Propagation.Mandatory, async () => 7);
        return ['rejects', (await rejection(call)).name];
      } catch (error) {
        return ['throws', (error as Error).name];
      }
    },
    there: ['throws', 'TransactionNotActiveError'],
    here: ['rejects', 'TransactionNotActiveError'],
  },
};

describe('different on purpose', () => {
  it.each(Object.entries(differences))('%s', async (_name, { run, ...expected }) => {
    expect(await run(there)).toEqual(expected.there);
    await server.sql('truncate product');
    expect(await run(here)).toEqual(expected.here);
  });

  it('each has a row in the table of the page', () => {
    expectShown('nestjs-cls', Object.keys(differences));
  });
});

describe('the names here', () => {
  it('are those of the package', () => {
    expect(Object.keys(old).filter((name) => !(name in shim))).toEqual([]);
    expect(shim.Propagation).toEqual(old.Propagation);
  });

  it('name transactions after the method, or the function, that runs in them', async () => {
    const { database } = here.dataSource as unknown as { readonly database: Database };
    const name = (): Promise<unknown> => Promise.resolve(database.current.transaction.active?.name);
    class Orders {
      sell(): Promise<unknown> {
        return name();
      }
    }
    const method = Object.getOwnPropertyDescriptor(Orders.prototype, 'sell') ?? {};
    shim.Transactional()(Orders.prototype, 'sell', method);
    Object.defineProperty(Orders.prototype, 'sell', method);
    expect(await new Orders().sell()).toBe('sell');
    expect(await here.host.withTransaction(name)).toBe('name');
    expect(await here.host.withTransaction(() => name())).toBe('anonymous');
  });

  it('have hooks: those of Sluice', async () => {
    const seen: unknown[] = [];
    await here.host.withTransaction(async () => afterCommit(() => seen.push('commit')));
    const failed = here.host.withTransaction(async () => (afterRollback((error) => seen.push(error)), await fail()));
    await rejection(failed);
    expect(seen).toEqual(['commit', declined]);
  });

  it('refuse with errors that have codes', async () => {
    const mandatory = await rejection(here.host.withTransaction(Propagation.Mandatory, async () => 7));
    expect(mandatory).toBeInstanceOf(shim.TransactionPropagationError);
    expect(mandatory).toMatchObject({ code: 'TRANSACTION_NOT_ACTIVE' });
    const never = here.host.withTransaction(() => here.host.withTransaction(Propagation.Never, async () => 7));
    expect(await rejection(never)).toMatchObject({ code: 'TRANSACTION_ALREADY_ACTIVE' });
    const adapter = Object.assign(new shim.TransactionalAdapterKnex({ knexInstanceToken: 'knex' }), {
      supportsTransactionProxy: false,
    });
    const plugin = (): unknown => new shim.ClsPluginTransactional({ adapter, enableTransactionProxy: true });
    expect(plugin).toThrow(expect.objectContaining({ code: 'TRANSACTION_PROXY_UNSUPPORTED' }));
    expect(() => new shim.ClsPluginTransactional({} as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  it('begin independent transactions on a handle of Sluice for an adapter of the program, too', async () => {
    const { dataSource } = here;
    const adapter = {
      connection: dataSource,
      optionsFactory: () => new OldTypeOrm({ dataSourceToken: DataSource }).optionsFactory(dataSource),
    };
    const plugins = [new shim.ClsPluginTransactional({ adapter, connectionName: 'theirs' })];
    await Test.createTestingModule({ imports: [ClsModule.registerPlugins(plugins)] }).compile();
    const host = shim.TransactionHost.getInstance('theirs') as unknown as Host;
    const call = host.withTransaction(async () => {
      await host.tx.getRepository(Product).save({ id: 1 });
      await host.withTransaction(Propagation.RequiresNew, () => host.tx.getRepository(Product).save({ id: 2 }));
      await fail();
    });
    expect(await outcomeOf(call)).toEqual(['threw', 'declined', 2]);
  });
});

interface Library {
  readonly connection: unknown;
  readonly adapter: shim.AnyTransactionalAdapter;
  readonly insert: (tx: never, id: number) => PromiseLike<unknown>;
  readonly readOnly: object;
  readonly hasNested: boolean;
}

type Tables = { product: { id: number } };

const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.prisma-'));
const PrismaClient = await generatePrismaClient(folder);
afterAll(() => rmSync(folder, { recursive: true }));

const libraries: Record<
  string,
  (isOurs: boolean) => { library: Library; ready?: () => Promise<unknown>; close: () => PromiseLike<unknown> }
> = {
  TypeORM(isOurs) {
    const connection = isOurs
      ? createDataSource(server.open(), { entities: [Product] })
      : new DataSource({ type: 'postgres', url: server.url, entities: [Product], poolSize: 3 });
    const library: Library = {
      connection,
      adapter: new shim.TransactionalAdapterTypeOrm({ dataSourceToken: DataSource }),
      insert: async (tx: DataSource['manager'], id) => await tx.query('insert into product (id) values ($1)', [id]),
      readOnly: { isolationLevel: 'NONSENSE' },
      hasNested: true,
    };
    return { library, ready: () => connection.initialize(), close: () => connection.destroy() };
  },
  Kysely(isOurs) {
    const database = server.open();
    const pool = isOurs ? ambientPool(database) : new pg.Pool({ connectionString: server.url, max: 3 });
    const plain = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
    const connection = isOurs ? bindKysely(plain, database) : plain;
    const library: Library = {
      connection,
      adapter: new shim.TransactionalAdapterKysely<Tables>({ kyselyInstanceToken: 'KYSELY' }),
      insert: (tx: Kysely<Tables>, id) => kyselySql`insert into product (id) values (${id})`.execute(tx),
      readOnly: { accessMode: 'read only', isolationLevel: 'serializable' },
      hasNested: isOurs,
    };
    return { library, close: () => (isOurs ? Promise.resolve() : pool.end()) };
  },
  Knex(isOurs) {
    const database = server.open();
    const connection = isOurs
      ? createKnex(database)
      : knexPackage({ client: 'pg', connection: server.url, pool: { min: 0, max: 3 } });
    const library: Library = {
      connection,
      adapter: new shim.TransactionalAdapterKnex({ knexInstanceToken: 'KNEX' }),
      insert: (tx: Knex, id) => tx('product').insert({ id }),
      readOnly: { readOnly: true, isolationLevel: 'serializable' },
      hasNested: true,
    };
    return { library, close: () => connection.destroy() };
  },
  Drizzle(isOurs) {
    const database = server.open();
    const pool = isOurs ? ambientPool(database) : new pg.Pool({ connectionString: server.url, max: 3 });
    const connection = isOurs ? bindDrizzle(drizzle(pool), database) : drizzle(pool);
    const library: Library = {
      connection,
      adapter: new shim.TransactionalAdapterDrizzleOrm<typeof connection>({ drizzleInstanceToken: 'DRIZZLE' }),
      insert: (tx: typeof connection, id) => tx.execute(`insert into product (id) values (${id})`),
      readOnly: { accessMode: 'read only', isolationLevel: 'serializable' },
      hasNested: true,
    };
    return { library, close: () => (isOurs ? Promise.resolve() : pool.end()) };
  },
  Prisma(isOurs) {
    const database = server.open();
    const pool = isOurs ? ambientPool(database) : new pg.Pool({ connectionString: server.url, max: 3 });
    const plain = new PrismaClient({ adapter: new PrismaPg(pool) });
    const library: Library = {
      connection: isOurs ? bindPrisma(plain, database) : plain,
      adapter: new shim.TransactionalAdapterPrisma<ProductClient>({
        prismaInjectionToken: 'PRISMA',
        sqlFlavor: 'postgresql',
        defaultTxOptions: { maxWait: 120_000, timeout: 120_000 },
      }),
      insert: (tx: ProductClient, id) => tx.$executeRawUnsafe(`insert into product (id) values (${id})`),
      readOnly: { isolationLevel: 'Nonsense' },
      hasNested: true,
    };
    return { library, close: () => (isOurs ? Promise.resolve() : pool.end()) };
  },
};

describe.each(Object.keys(libraries).flatMap((name) => [[name, true] as const, [name, false] as const]))(
  'the adapter of %s (bound to Sluice: %s)',
  (name, isOurs) => {
    it('commits, rolls back, nests, and is independent', async () => {
      const made = libraries[name]?.(isOurs);
      if (made === undefined) throw new Error(`no library ${name}`);
      const { library, close } = made;
      await made.ready?.();
      const adapter = Object.assign(library.adapter, { connection: library.connection, connectionToken: undefined });
      const plugins = [new shim.ClsPluginTransactional({ adapter, connectionName: name })];
      const module = await Test.createTestingModule({ imports: [ClsModule.registerPlugins(plugins)] }).compile();
      const host = shim.TransactionHost.getInstance(name);
      const add = async (id: number): Promise<void> => void (await library.insert(host.tx, id));
      await host.withTransaction(() => add(1));
      const outer = host.withTransaction(async () => {
        await add(2);
        await host.withTransaction(Propagation.RequiresNew, () => add(3));
        await host.withoutTransaction(() => add(4));
        await fail();
      });
      expect(await outcomeOf(outer)).toEqual(['threw', 'declined', 1, 3, 4]);
      if (library.hasNested) {
        await host.withTransaction(async () => {
          await add(5);
          await host
            .withTransaction(Propagation.Nested, async () => (await add(6), await fail()))
            .catch(() => undefined);
          await host.withTransaction(Propagation.Nested, () => add(7));
        });
        expect(await server.products()).toEqual([1, 3, 4, 5, 7]);
      }
      const doomed = host.withTransaction(async () => {
        await host.withTransaction(async () => (await add(8), await fail())).catch(() => undefined);
      });
      expect(await rejection(doomed)).toMatchObject({ code: 'UNEXPECTED_ROLLBACK', cause: declined });
      expect(await rejection(host.withTransaction(library.readOnly as never, () => add(9)))).toBeDefined();
      expect(await server.products()).not.toContain(8);
      expect(await server.products()).not.toContain(9);
      await module.close();
      await close();
    });
  },
);

it('a connection that is not one of Sluice is warned of, once for each adapter', async () => {
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', note);
  const database = server.open();
  await insert(database, 1);
  class TransactionalAdapterOfNobody extends shim.TransactionalAdapterKnex {}
  const connection = knexPackage({ client: 'pg', connection: server.url, pool: { min: 0, max: 2 } });
  const adapter = Object.assign(new TransactionalAdapterOfNobody({ knexInstanceToken: 'KNEX' }), {
    connection,
    connectionToken: undefined,
  });
  const plugins = [new shim.ClsPluginTransactional({ adapter, connectionName: 'unbound' })];
  await Test.createTestingModule({ imports: [ClsModule.registerPlugins(plugins)] }).compile();
  const host = shim.TransactionHost.getInstance('unbound');
  await host.withTransaction(async () => 7);
  await host.withTransaction(async () => 7);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  await connection.destroy();
  expect(warnings.filter((message) => message.includes('TransactionalAdapterOfNobody'))).toHaveLength(1);
});
