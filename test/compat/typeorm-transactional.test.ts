// The same programs with typeorm-transactional 0.5.0 on TypeORM 0.3, and with the names of it here: the same answers, but for
// what the page says is different. On PostgreSQL and MariaDB, and on each line of TypeORM.
import { createRequire, registerHooks } from 'node:module';
import { DataSource, EntitySchema, type EntityManager } from 'typeorm';
import { DataSource as OldDataSource } from 'typeorm-0.3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as shim from '../../src/compat/typeorm-transactional/index.ts';
import { adoptDataSource, createDataSource, withTransaction } from '../../src/integrations/typeorm/index.ts';
import { UnexpectedRollbackError } from '../../src/index.ts';
import { engine, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { expectShown } from './difference-table.ts';

type Api = Omit<typeof shim, 'getTransactionalContext'>;
type Options = shim.WrapInTransactionOptions;

interface Kit {
  readonly api: Api;
  readonly dataSource: DataSource;
  readonly product: {
    save(row: { id: number }): Promise<unknown>;
    query(text: string): Promise<{ txid: string | null }[]>;
  };
  /** Makes a data source that is not added yet. */
  readonly make: () => DataSource;
}

const Product = new EntitySchema<{ id: number }>({ name: 'product', columns: { id: { type: 'int', primary: true } } });
const server = useTestDatabase();
const made: DataSource[] = [];
const isMariadb = engine.name === 'mariadb';
const type = isMariadb ? 'mysql' : 'postgres';
/** Names the transaction that it is in, once that has written; NULL outside of one. MariaDB names its connection. */
const transactionHere = isMariadb
  ? 'select if(@@in_transaction, cast(connection_id() as char), null) as txid'
  : 'select pg_current_xact_id_if_assigned()::text as txid';

function makeWith(Class: typeof DataSource): DataSource {
  const dataSource = new Class({ type, url: server.url, entities: [Product], poolSize: 4 });
  made.push(dataSource);
  return dataSource;
}

async function kitOf(api: Api, Class: typeof DataSource): Promise<Kit> {
  const make = (): DataSource => makeWith(Class);
  api.initializeTransactionalContext({ storageDriver: 'ASYNC_LOCAL_STORAGE' });
  const dataSource = make();
  expect(api.addTransactionalDataSource(dataSource)).toBe(dataSource);
  await dataSource.initialize();
  return { api, dataSource, product: dataSource.getRepository(Product), make };
}

let there: Kit;
let here: Kit;
beforeAll(async () => {
  // The package does not support TypeORM 1.
  registerHooks({
    resolve: (specifier, context, next) =>
      next(
        specifier === 'typeorm' && context.parentURL?.includes('/typeorm-transactional/') ? 'typeorm-0.3' : specifier,
      ),
  });
  const old = createRequire(import.meta.url)('typeorm-transactional') as Api;
  there = await kitOf(old, OldDataSource as unknown as typeof DataSource);
  here = await kitOf(shim, DataSource);
});
afterAll(async () => {
  for (const dataSource of made) if (dataSource.isInitialized) await dataSource.destroy();
});
afterEach(() => {
  for (const { api } of [there, here]) api.deleteDataSourceByName('second');
});

const declined = new Error('declined');
const fail = (): Promise<never> => Promise.reject(declined);

/** What came of a call, and which products are there. */
async function outcomeOf(call: Promise<unknown>): Promise<unknown[]> {
  const result = await call.then(
    (value) => ['returned', value],
    (error: unknown) => ['threw', error === declined ? 'declined' : (error as Error).name],
  );
  return [...result, ...(await server.products())];
}

async function txid({ product }: Kit): Promise<string | null> {
  const [row] = await product.query(transactionHere);
  return row?.txid ?? null;
}

/** Registers a hook of each kind, and says which ran with what. */
function hooked({ api }: Kit, seen: unknown[]): void {
  api.runOnTransactionComplete((error) => seen.push(['complete', error]));
  api.runOnTransactionCommit(() => seen.push('commit'));
  api.runOnTransactionRollback((error) => seen.push(['rollback', error]));
}

/** What hooks have seen; those of the package run a turn later. */
async function after(call: Promise<unknown>, seen: unknown[], hooks: number): Promise<unknown[]> {
  await call.catch(() => undefined);
  await until('the hooks have run', () => seen.length >= hooks);
  return seen.toSorted((one, other) => String(one).localeCompare(String(other)));
}

const modes = Object.keys(shim.Propagation) as (keyof typeof shim.Propagation)[];

const same: Record<string, (kit: Kit) => Promise<unknown>> = {
  'runInTransaction commits': ({ api, product }) =>
    outcomeOf(api.runInTransaction(async () => void (await product.save({ id: 1 })))),
  'and rolls back with an error': ({ api, product }) =>
    outcomeOf(api.runInTransaction(async () => (await product.save({ id: 1 }), await fail()))),
  'and returns what its function returns, also if that is not async': ({ api }) =>
    outcomeOf(api.runInTransaction(() => 7)),
  'REQUIRED joins, and so do all handles of the data source': (kit) =>
    kit.api.runInTransaction(async () => {
      await kit.product.save({ id: 1 });
      const first = await txid(kit);
      const second = await kit.api.runInTransaction(() => txid(kit));
      const [third] = (await kit.dataSource.query(transactionHere)) as {
        txid: string;
      }[];
      const fourth = await kit.dataSource.manager.query(transactionHere);
      return [first !== null, first === second, first === third?.txid, first === fourth[0].txid];
    }),
  'REQUIRES_NEW is independent': ({ api, product }) =>
    outcomeOf(
      api.runInTransaction(async () => {
        await product.save({ id: 1 });
        await api.runInTransaction(async () => void (await product.save({ id: 2 })), { propagation: 'REQUIRES_NEW' });
        await fail();
      }),
    ),
  'NESTED that fails is undone alone': ({ api, product }) =>
    outcomeOf(
      api.runInTransaction(async () => {
        await product.save({ id: 1 });
        const inner = async (): Promise<void> => (await product.save({ id: 2 }), await fail());
        await api.runInTransaction(inner, { propagation: 'NESTED' }).catch(() => undefined);
      }),
    ),
  'Promise.all of transactions gives each its own': async (kit) => {
    let open = 0;
    const each = async (id: number): Promise<string | null> => {
      await kit.product.save({ id });
      open += 1;
      await until('all are open', () => open === 3);
      return await txid(kit);
    };
    const ids = await Promise.all([1, 2, 3].map((id) => kit.api.runInTransaction(() => each(id))));
    return [new Set(ids).size, ...(await server.products())];
  },
  'dataSource.transaction() inside of one is independent': ({ api, dataSource }) =>
    outcomeOf(
      api.runInTransaction(async () => {
        await dataSource.transaction(async (manager: EntityManager) => void (await manager.save(Product, { id: 1 })));
        await dataSource.transaction('SERIALIZABLE', async (manager) => manager.save(Product, { id: 2 }));
        await fail();
      }),
    ),
  'and outside of one it is a transaction': ({ dataSource }) =>
    outcomeOf(dataSource.transaction(async (manager) => (await manager.save(Product, { id: 1 }), await fail()))),
  // MariaDB shows what it knew of transactions some time ago.
  ...(isMariadb
    ? {}
    : {
        'the isolation level is that of the transaction': async ({ api, product }) => {
          const levels = Object.values(shim.IsolationLevel).map((isolationLevel) =>
            api.runInTransaction(() => product.query('show transaction_isolation'), { isolationLevel }),
          );
          return await Promise.all(levels);
        },
      }),
  'what a transaction sees is what its isolation level says': async ({ api, product }) => {
    const count = (): Promise<unknown> => product.query('select count(*) as txid from product');
    const seen = async (isolationLevel: shim.IsolationLevel): Promise<unknown> => {
      await server.sql('truncate product');
      const look = async (): Promise<unknown> => {
        const before = await count();
        await server.sql('insert into product (id) values (1)');
        return [before, await count()];
      };
      return await api.runInTransaction(look, { isolationLevel });
    };
    return [await seen('READ COMMITTED'), await seen('REPEATABLE READ')];
  },
  'commit hooks': async (kit) => {
    const seen: unknown[] = [];
    return await after(
      kit.api.runInTransaction(async () => hooked(kit, seen)),
      seen,
      2,
    );
  },
  'rollback hooks, with the error': async (kit) => {
    const seen: unknown[] = [];
    return await after(
      kit.api.runInTransaction(async () => (hooked(kit, seen), await fail())),
      seen,
      2,
    );
  },
  'hooks of a scope that joins wait for the outer one': async (kit) => {
    const seen: unknown[] = [];
    const inner = (): Promise<void> => kit.api.runInTransaction(async () => hooked(kit, seen));
    return await after(
      kit.api.runInTransaction(async () => (await inner(), await fail())),
      seen,
      2,
    );
  },
  'hooks of REQUIRES_NEW do not': async (kit) => {
    const seen: unknown[] = [];
    const inner = async (): Promise<void> => {
      await kit.api.runInTransaction(async () => hooked(kit, seen), { propagation: 'REQUIRES_NEW' });
    };
    return await after(
      kit.api.runInTransaction(async () => (await inner(), await fail())),
      seen,
      2,
    );
  },
  'hooks outside of everything are refused': async ({ api }) =>
    [api.runOnTransactionCommit, api.runOnTransactionRollback, api.runOnTransactionComplete].map((register) => {
      try {
        return register(() => undefined);
      } catch (error) {
        return error instanceof Error;
      }
    }),
  'a method': async ({ api, product }) => {
    class Products {
      readonly step = 2;
      async sell(id: number): Promise<number> {
        await product.save({ id: id * this.step });
        return id;
      }
    }
    decorate(Products.prototype, 'sell', api.Transactional({ propagation: 'REQUIRED' }));
    const products = new Products();
    return [Products.prototype.sell.name, ...(await outcomeOf(products.sell(3)))];
  },
  'wrapInTransaction passes this and arguments on': async ({ api }) => {
    const wrapped = api.wrapInTransaction(async function add(this: { n: number }, m: number) {
      return this.n + m;
    });
    return [await wrapped.call({ n: 3 }, 4)];
  },
  'a second data source, added after a method was decorated with its name': async ({ api, make }) => {
    const products = { sell: async () => api.getDataSourceByName('second')?.manager.save(Product, { id: 9 }) };
    decorate(products, 'sell', api.Transactional({ connectionName: 'second' }));
    const missing = await outcomeOf(Promise.resolve().then(products.sell));
    const dataSource = make();
    api.addTransactionalDataSource({ name: 'second', dataSource });
    await dataSource.initialize();
    return [missing[0], await outcomeOf(products.sell()), api.getDataSourceByName('second') === dataSource];
  },
  'two data sources have transactions of their own, and hooks are those of the inner one': async (kit) => {
    const { api, make, product } = kit;
    const dataSource = make();
    api.addTransactionalDataSource({ name: 'second', dataSource, patch: true });
    await dataSource.initialize();
    const seen: unknown[] = [];
    const inner = async (): Promise<void> => {
      await dataSource.getRepository(Product).save({ id: 2 });
      hooked(kit, seen);
    };
    const outer = api.runInTransaction(async () => {
      await product.save({ id: 1 });
      await api.runInTransaction(inner, { connectionName: 'second' });
      await fail();
    });
    return [await outcomeOf(outer), await after(outer, seen, 2)];
  },
  'a name that is taken is refused, and free again when its data source was deleted': async ({ api, make }) => {
    const refused = await outcomeOf(Promise.resolve().then(() => api.addTransactionalDataSource(make())));
    api.addTransactionalDataSource({ name: 'second', dataSource: make() });
    return [
      refused[0],
      api.deleteDataSourceByName('second'),
      api.deleteDataSourceByName('second'),
      api.getDataSourceByName('second'),
    ];
  },
};
for (const mode of modes) {
  const options: Options = { propagation: mode };
  same[`${mode} outside of a transaction`] = async (kit) => {
    const seen = await outcomeOf(
      kit.api.runInTransaction(async () => (await kit.product.save({ id: 1 }), (await txid(kit)) !== null), options),
    );
    return seen;
  };
  same[`${mode} inside of one`] = (kit) =>
    kit.api.runInTransaction(async () => {
      await kit.product.save({ id: 1 });
      const outer = await txid(kit);
      const inner = async (): Promise<unknown> => (await kit.product.save({ id: 2 }), (await txid(kit)) === outer);
      const call = kit.api.runInTransaction(inner, options);
      // A savepoint has the id of its transaction, and there NESTED is one of its own.
      return mode === 'NESTED' ? [await outcomeOf(call.then(() => undefined))].length : await outcomeOf(call);
    });
}
for (const propagation of ['SUPPORTS', 'NEVER'] as const) {
  same[`hooks of ${propagation} without a transaction run at its end`] = async (kit) => {
    const seen: unknown[] = [];
    const ended = await after(
      kit.api.runInTransaction(async () => hooked(kit, seen), { propagation }),
      seen,
      2,
    );
    const failed: unknown[] = [];
    return [
      ended,
      await after(
        kit.api.runInTransaction(async () => (hooked(kit, failed), await fail()), { propagation }),
        failed,
        2,
      ),
    ];
  };
}

function decorate<Class extends object>(target: Class, key: keyof Class & string, decorator: MethodDecorator): void {
  const descriptor = Object.getOwnPropertyDescriptor(target, key) ?? {};
  Object.defineProperty(
    target,
    key,
    (decorator as (...args: unknown[]) => PropertyDescriptor)(target, key, descriptor) ?? descriptor,
  );
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

const nested: Options = { propagation: 'NESTED' };

const differences: Record<string, Difference> = {
  'NESTED that succeeds, and a failure around it': {
    run: ({ api, product }) =>
      outcomeOf(
        api.runInTransaction(async () => {
          await api.runInTransaction(() => product.save({ id: 1 }), nested);
          await fail();
        }),
      ),
    there: ['threw', 'declined', 1],
    here: ['threw', 'declined'],
  },
  'Hooks of NESTED': {
    async run(kit) {
      const seen: unknown[] = [];
      const inner = (): Promise<void> => kit.api.runInTransaction(async () => hooked(kit, seen), nested);
      return await after(
        kit.api.runInTransaction(async () => (await inner(), await fail())),
        seen,
        2,
      );
    },
    there: ['commit', ['complete', undefined]],
    here: [
      ['complete', declined],
      ['rollback', declined],
    ],
  },
  'The error of an inner scope is caught': {
    run: ({ api, product }) =>
      outcomeOf(
        api.runInTransaction(async () => {
          const inner = async (): Promise<void> => (await product.save({ id: 1 }), await fail());
          await api.runInTransaction(inner).catch(() => undefined);
        }),
      ),
    there: ['returned', undefined, 1],
    here: ['threw', 'UnexpectedRollbackError'],
  },
  'The isolation level of a scope that joins': {
    run: ({ api }) =>
      outcomeOf(api.runInTransaction(() => api.runInTransaction(() => 7, { isolationLevel: 'SERIALIZABLE' }))),
    there: ['returned', 7],
    here: ['threw', 'IncompatibleTransactionError'],
  },
  'Options that would have no effect': {
    async run({ api }) {
      const made = [
        { propagation: 'NEVER', isolationLevel: 'SERIALIZABLE' },
        { isolation: 'SERIALIZABLE' },
      ] as Options[];
      return await Promise.all(
        made.map((options) => outcomeOf(Promise.resolve().then(() => api.runInTransaction(() => 7, options)))),
      );
    },
    there: [
      ['returned', 7],
      ['returned', 7],
    ],
    here: [
      ['threw', 'InvalidOptionError'],
      ['threw', 'InvalidOptionError'],
    ],
  },
  'When hooks run': {
    async run(kit) {
      const seen: unknown[] = [];
      await kit.api.runInTransaction(async () => kit.api.runOnTransactionCommit(() => seen.push('commit')));
      return seen.slice();
    },
    there: [],
    here: ['commit'],
  },
  'Other handles within `dataSource.transaction()`': {
    run: ({ api, dataSource, product }) =>
      outcomeOf(
        api.runInTransaction(async () => {
          await dataSource.transaction(() => product.save({ id: 1 }));
          await fail();
        }),
      ),
    there: ['threw', 'declined'],
    here: ['threw', 'declined', 1],
  },
  '`save` of a manager of `createEntityManager()`, and query runners': {
    run: ({ api, dataSource }) =>
      outcomeOf(
        api.runInTransaction(async () => {
          await dataSource.createEntityManager().save(Product, { id: 1 });
          const runner = dataSource.createQueryRunner();
          await runner.query('insert into product (id) values (2)');
          await runner.release();
          await fail();
        }),
      ),
    there: ['threw', 'declined', 1, 2],
    here: ['threw', 'declined'],
  },
  'A data source that is initialized already': {
    async run({ api, make }) {
      const dataSource = await make().initialize();
      const added = Promise.resolve().then(() => api.addTransactionalDataSource({ name: 'second', dataSource }));
      return await outcomeOf(added.then(() => undefined));
    },
    there: ['returned', undefined],
    here: ['threw', 'InvalidOptionError'],
  },
  'A data source of another engine': {
    async run({ api, make }) {
      // SQLite's own package is not needed before it is initialized.
      const dataSource = new (make().constructor as typeof DataSource)({
        type: 'better-sqlite3',
        database: ':memory:',
        driver: {},
      });
      return await outcomeOf(
        Promise.resolve().then(() => void api.addTransactionalDataSource({ name: 'second', dataSource })),
      );
    },
    there: ['returned', undefined],
    here: ['threw', 'InvalidOptionError'],
  },
  'A data source that was not added': {
    run: async ({ api }) => {
      const call = api.wrapInTransaction(async () => 7, { connectionName: 'nowhere' });
      try {
        return ['rejects', (await call().catch((error: Error) => error.name)) as unknown];
      } catch (error) {
        return ['throws', (error as Error).name];
      }
    },
    there: ['throws', 'Error'],
    here: ['rejects', 'NoDatabaseError'],
  },
  'Values that a program keeps in the context': {
    async run({ api }) {
      const context = api.initializeTransactionalContext();
      const inside = await context.run(async () => {
        context.set('tenant', 7);
        return [context.active, context.get('tenant'), await context.run(async () => context.get('tenant'))];
      });
      return [inside, context.active, context.get('tenant')];
    },
    there: [[false, undefined, undefined], false, undefined],
    here: [[true, 7, 7], false, undefined],
  },
};

describe('different on purpose', () => {
  it.each(Object.entries(differences))('%s', async (_name, { run, ...expected }) => {
    expect(await run(there)).toEqual(expected.there);
    await server.sql('truncate product');
    expect(await run(here)).toEqual(expected.here);
  });

  it('each has a row in the table of the page', () => {
    expectShown('typeorm-transactional', Object.keys(differences));
  });
});

describe('the names here', () => {
  it('are those of the package, with the same values', () => {
    const old = there.api as unknown as Record<string, unknown>;
    const ours = shim as unknown as Record<string, unknown>;
    expect(Object.keys(old).filter((name) => !(name in ours))).toEqual([]);
    for (const name of ['Propagation', 'IsolationLevel', 'StorageDriver']) expect(ours[name]).toEqual(old[name]);
  });

  it('refuse with TransactionalError, which has a code', async () => {
    const mandatory = await rejection(shim.runInTransaction(() => 7, { propagation: 'MANDATORY' }));
    expect(mandatory).toBeInstanceOf(shim.TransactionalError);
    expect(mandatory).toMatchObject({ code: 'TRANSACTIONAL', name: 'TransactionalError' });
    const never = shim.runInTransaction(() => shim.runInTransaction(() => 7, { propagation: 'NEVER' }));
    expect(await rejection(never)).toBeInstanceOf(shim.TransactionalError);
    expect(() => shim.runOnTransactionCommit(() => {})).toThrow(shim.TransactionalError);
  });

  it('join what Sluice begins, and register hooks there', async () => {
    const seen: unknown[] = [];
    const products = here.dataSource as ReturnType<typeof adoptDataSource>;
    await products.inTransaction(async () => {
      hooked(here, seen);
      await shim.runInTransaction(() => here.product.save({ id: 1 }), { propagation: 'MANDATORY' });
    });
    expect(seen).toEqual(['commit', ['complete', undefined]]);
    expect(await server.products()).toEqual([1]);
  });

  itWith('failures doom')('give hooks the error of a commit that fails', async () => {
    const seen: unknown[] = [];
    const call = shim.runInTransaction(async () => {
      hooked(here, seen);
      await here.product.query('select 1 / 0 as txid').catch(() => undefined);
    });
    const error = await rejection(call);
    expect(error).toBeInstanceOf(UnexpectedRollbackError);
    expect(seen).toEqual([
      ['rollback', error],
      ['complete', error],
    ]);
  });

  it('report a commit hook that throws, and run the others', async () => {
    const seen: unknown[] = [];
    const call = shim.runInTransaction(async () => {
      await here.product.save({ id: 1 });
      shim.runOnTransactionCommit(() => {
        throw declined;
      });
      hooked(here, seen);
    });
    expect(await rejection(call)).toMatchObject({ code: 'AFTER_COMMIT', errors: [declined] });
    expect(seen).toEqual(['commit', ['complete', undefined]]);
    expect(await server.products()).toEqual([1]);
  });

  it('need no initializeTransactionalContext(), and give the same context always', async () => {
    expect(shim.getTransactionalContext()).toBe(shim.initializeTransactionalContext());
    for (const options of [{ maxHookHandlers: -1 }, { storageDriver: 'ZONES' }, { hooks: 3 }]) {
      expect(() => shim.initializeTransactionalContext(options as never)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION' }),
      );
    }
  });

  it('warn of many hooks of one kind, once', async () => {
    const warnings: unknown[] = [];
    const note = (warning: Error): void => void warnings.push((warning as Error & { code: unknown }).code);
    process.on('warning', note);
    const register = (times: number): Promise<void> =>
      shim.runInTransaction(() => {
        for (let at = 0; at < times; at += 1) shim.runOnTransactionCommit(() => {});
      });
    shim.initializeTransactionalContext({ maxHookHandlers: 3 });
    await register(3);
    await register(6);
    shim.initializeTransactionalContext({ maxHookHandlers: 0 });
    await register(20);
    shim.initializeTransactionalContext({ maxHookHandlers: 10 });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual(['SLUICE_HOOK_HANDLERS']);
  });
});

describe('a data source that is adopted', () => {
  it('is the same object, with the manager and the repositories that it had', async () => {
    const dataSource = makeWith(DataSource);
    const { manager } = dataSource;
    const repository = dataSource.getRepository.bind(dataSource);
    expect(adoptDataSource(dataSource)).toBe(dataSource);
    expect(adoptDataSource(dataSource)).toBe(dataSource);
    expect(dataSource.manager).toBe(manager);
    await dataSource.initialize();
    const failed = manager.transaction(async () => (await repository(Product).save({ id: 1 }), await fail()));
    expect(await outcomeOf(failed)).toEqual(['threw', 'declined']);
  });

  it('may be one of createDataSource()', async () => {
    const dataSource = createDataSource(server.open(), { entities: [Product] });
    shim.addTransactionalDataSource({ name: 'second', dataSource, patch: false });
    await dataSource.initialize();
    made.push(dataSource);
    const options: Options = { connectionName: 'second' };
    const call = shim.runInTransaction(async () => {
      await dataSource.transaction((manager) => manager.save(Product, { id: 1 }));
      await fail();
    }, options);
    expect(await outcomeOf(call)).toEqual(['threw', 'declined']);
  });

  it.each([
    ['no data source', () => ({}), 'no DataSource'],
    ['another engine', () => new DataSource({ type: 'better-sqlite3', database: ':memory:' }), '"postgres"'],
    ['a class of its own', () => new (class Shop extends DataSource {})({ type: 'postgres' }), 'Shop'],
    ['options without effect', () => new DataSource({ type: 'postgres', extra: { min: 3 } }), 'extra.min'],
    [
      'one of the package',
      () => there.dataSource,
      (DataSource as unknown) === OldDataSource ? 'typeorm-transactional' : 'which is no DataSource',
    ],
  ])('is refused with what to write: %s', (_what, make, said) => {
    let dataSource: unknown;
    try {
      dataSource = make();
    } catch {
      // Its package is not installed: TypeORM says so.
      return;
    }
    const error = (() => {
      try {
        return shim.addTransactionalDataSource({ name: 'second', dataSource: dataSource as DataSource });
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect((error as Error).message).toContain(said);
  });

  it('is refused to the package itself, by name', () => {
    // What the package does last when it is given a data source.
    const add = (): void => void Object.assign(here.dataSource, { '@transactional/data-source': 'default' });
    expect(add).toThrow('sluice/compat/typeorm-transactional');
    const patched = Object.assign(makeWith(DataSource), { '@transactional/data-source': 'default' });
    expect(() => adoptDataSource(patched)).toThrow('typeorm-transactional');
  });

  it('has the functions of sluice/typeorm, too', async () => {
    expect(await outcomeOf(withTransaction(async () => (await here.product.save({ id: 1 }), 7)))).toEqual([
      'returned',
      7,
      1,
    ]);
  });
});
