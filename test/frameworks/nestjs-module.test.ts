import 'reflect-metadata';
import { Controller, Get, Inject, Injectable, Module, Scope } from '@nestjs/common';
import { ContextIdFactory, REQUEST } from '@nestjs/core';
import { HealthCheck, type HealthCheckResult, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import {
  getDatabaseToken,
  InjectDatabase,
  SluiceHealthIndicator,
  SluiceModule,
  Transactional,
} from '../../src/frameworks/nestjs/index.ts';
import { createDatabase, Database, isTransactionActive, Transactional as FreeTransactional } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';
import { listen, startContext } from './nestjs-support.ts';

const server = useTestDatabase();
const clients = (max = 2) => ({ default: postgres({ connectionString: server.url, max }) });

@Injectable()
class Products {
  readonly database: Database;

  constructor(@InjectDatabase() database: Database) {
    this.database = database;
  }

  @Transactional()
  async add(id: number): Promise<boolean> {
    await this.database.query('insert into product (id) values ($1)', [id]);
    return isTransactionActive();
  }

  @Transactional()
  async addTwo(id: number, fails: boolean): Promise<void> {
    await this.add(id);
    await this.add(id + 1);
    if (fails) throw new Error('sold out');
  }
}

@Injectable()
class ByClass {
  readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }
}

@Injectable()
class Reports {
  readonly database: Database;

  constructor(@InjectDatabase('reports') database: Database) {
    this.database = database;
  }

  @Transactional({ database: 'reports', readOnly: true })
  async inTransactionOf(): Promise<(string | undefined)[]> {
    return [this.database.current.transaction.active?.name];
  }
}

describe('SluiceModule', () => {
  it('gives a database by the decorator and by its class, and closes it at the end', async () => {
    const app = await startContext({
      imports: [SluiceModule.forRoot({ clients: clients() })],
      providers: [Products, ByClass],
    });
    const { database } = app.get(Products);
    expect(app.get(ByClass).database).toBe(database);
    expect(app.get(getDatabaseToken())).toBe(database);
    expect(await database.query('select 1 as one')).toMatchObject({ rows: [{ one: 1 }] });
    await app.close();
    expect((await rejection(database.query('select 1')))['code']).toBe('DATABASE_CLOSED');
  });

  it('leaves a given database open, unless it is told to close it', async () => {
    const given = server.open();
    const app = await startContext({ imports: [SluiceModule.forRoot({ database: given })], providers: [Products] });
    expect(app.get(Products).database).toBe(given);
    await app.close();
    await given.query('select 1');
    const other = await startContext({ imports: [SluiceModule.forRoot({ database: given, closeOnShutdown: true })] });
    await other.close();
    expect((await rejection(given.query('select 1')))['code']).toBe('DATABASE_CLOSED');
  });

  it('takes its options from other providers', async () => {
    @Module({ providers: [{ provide: 'URL', useValue: server.url }], exports: ['URL'] })
    class Config {}
    const app = await startContext({
      imports: [
        SluiceModule.forRootAsync({
          imports: [Config],
          inject: ['URL'],
          useFactory: async (connectionString: string) => ({ clients: { default: postgres({ connectionString }) } }),
        }),
      ],
      providers: [Products],
    });
    expect(await app.get(Products).add(1)).toBe(true);
    expect(await server.products()).toEqual([1]);
  });

  it('has several databases by name', async () => {
    const app = await startContext({
      imports: [
        SluiceModule.forRoot({ clients: clients() }),
        SluiceModule.forRoot({ name: 'reports', clients: clients() }),
      ],
      providers: [Products, Reports],
    });
    const reports = app.get(Reports);
    expect(reports.database).not.toBe(app.get(Products).database);
    expect(await app.get(Products).add(1)).toBe(true);
    expect(await reports.inTransactionOf()).toEqual(['inTransactionOf']);
    expect(await server.products()).toEqual([1]);
  });

  it('says at the start which databases there are, where one is asked for that is not there', async () => {
    @Injectable()
    class Unlucky {
      constructor(@InjectDatabase('archive') readonly database: Database) {}
    }
    const imports = [
      SluiceModule.forRoot({ database: server.open() }),
      SluiceModule.forRoot({ name: 'reports', database: server.open() }),
    ];
    const error = await rejection(startContext({ imports, providers: [Unlucky] }));
    expect(error).toMatchObject({ code: 'UNKNOWN_DATABASE' });
    expect(error.message).toContain('has no database named "archive". Its databases are: default, reports.');
    // What nobody needs is not missed.
    await startContext({ imports: [SluiceModule.forRoot({ clients: clients() })], providers: [Products] });
  });

  it('says the same of a name in @Transactional', async () => {
    @Injectable()
    class Unlucky {
      @Transactional({ database: 'ledger' })
      async pay(): Promise<void> {}
    }
    const imports = [SluiceModule.forRoot({ database: server.open() })];
    const error = await rejection(startContext({ imports, providers: [Unlucky] }));
    expect(error.message).toContain('has no database named "ledger". Its databases are: default.');
  });

  it('refuses two databases of one name, and takes one module that is imported twice', async () => {
    const twice = [
      SluiceModule.forRoot({ database: server.open() }),
      SluiceModule.forRoot({ database: server.open() }),
    ];
    const error = await rejection(startContext({ imports: twice }));
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error.message).toContain('two databases named "default"');

    const shared = SluiceModule.forRoot({ clients: clients() });
    @Module({ imports: [shared], providers: [Products], exports: [Products] })
    class Shop {}
    const app = await startContext({ imports: [shared, Shop], providers: [ByClass] });
    expect(app.get(Products).database).toBe(app.get(ByClass).database);
  });

  it('gives a feature module a database of its own', async () => {
    @Injectable()
    class Sales {
      constructor(
        @InjectDatabase() readonly database: Database,
        readonly byClass: Database,
      ) {}

      @Transactional()
      async isIn(): Promise<boolean> {
        return this.database.current.inTransaction;
      }
    }
    @Module({ imports: [SluiceModule.forFeature({ database: 'reports' })], providers: [Sales] })
    class SalesModule {}
    const app = await startContext({
      imports: [
        SluiceModule.forRoot({ clients: clients() }),
        SluiceModule.forRoot({ name: 'reports', clients: clients() }),
        SalesModule,
      ],
      providers: [Products],
    });
    const sales = app.get(Sales);
    expect(sales.database).toBe(app.get(getDatabaseToken('reports')));
    expect(sales.byClass).toBe(sales.database);
    expect(await sales.isIn()).toBe(true);
    expect(app.get(Products).database).not.toBe(sales.database);
  });

  it('takes a database that a test puts in place of its own', async () => {
    const other = server.open();
    @Module({ imports: [SluiceModule.forRoot({ clients: clients() })], providers: [Products] })
    class AppModule {}
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(getDatabaseToken())
      .useValue(other)
      .compile();
    expect(module.get(Products).database).toBe(other);
    await module.get(Products).add(3);
    await module.close();
    expect(await other.query('select id from product')).toMatchObject({ rows: [{ id: 3 }] });
  });

  it.each<[string, () => unknown, string]>([
    ['no options', () => SluiceModule.forRoot(undefined as never), 'SluiceModule.forRoot'],
    [
      'a name almost right',
      () => SluiceModule.forRoot({ clients: clients(), shutdownTimeou: 1 } as never),
      'shutdownTimeou',
    ],
    ['a time that is none', () => SluiceModule.forRoot({ clients: clients(), shutdownTimeout: -1 }), 'shutdownTimeout'],
    ['something else as a database', () => SluiceModule.forRoot({ database: {} as never }), 'SluiceModule.forRoot'],
    ['clients beside a database', () => SluiceModule.forRoot({ database: server.open(), clients: {} }), '"clients"'],
    ['no factory', () => SluiceModule.forRootAsync({} as never), 'useFactory'],
    ['no name of a feature', () => SluiceModule.forFeature({} as never), 'database'],
  ])('refuses %s', (_what, make, named) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(named) as string }),
    );
  });
});

describe('@Transactional', () => {
  it('commits and rolls back what services do together', async () => {
    const app = await startContext({ imports: [SluiceModule.forRoot({ clients: clients(1) })], providers: [Products] });
    const products = app.get(Products);
    await products.addTwo(1, false);
    expect((await rejection(products.addTwo(3, true))).message).toBe('sold out');
    expect(await server.products()).toEqual([1, 2]);
  });

  it('uses the database of its module, although others are open', async () => {
    const other = server.open();
    const app = await startContext({ imports: [SluiceModule.forRoot({ clients: clients() })], providers: [Products] });
    expect(await app.get(Products).add(5)).toBe(true);
    // Where nothing decides it says so.
    const alone = FreeTransactional()(async () => {});
    expect((await rejection(alone()))['code']).toBe('AMBIGUOUS_DATABASE');
    expect((await rejection(new Products(other).add(6)))['code']).toBe('AMBIGUOUS_DATABASE');
    const named = new Reports(other);
    expect((await rejection(named.inTransactionOf())).message).toContain('an object that Nest has not made');
  });

  it('works in an object that nobody has given a database, where one alone is open', async () => {
    const only = server.open();
    const products = new Products(only);
    await products.add(7);
    expect(await server.products()).toEqual([7]);
    const module = await Test.createTestingModule({
      providers: [Products, { provide: getDatabaseToken(), useValue: only }],
    }).compile();
    await module.get(Products).add(8);
    expect(await server.products()).toEqual([7, 8]);
  });

  it('on a class decorates its methods, and leaves no trace in objects', async () => {
    @Transactional()
    @Injectable()
    class Everything {
      async isIn(): Promise<boolean> {
        return isTransactionActive();
      }
    }
    server.open();
    const app = await startContext({
      imports: [SluiceModule.forRoot({ clients: clients() })],
      providers: [Everything],
    });
    const everything = app.get(Everything);
    expect(await everything.isIn()).toBe(true);
    expect(Reflect.ownKeys(everything)).toEqual([]);
  });

  it('works in providers that are made for each request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Basket {
      constructor(@Inject(REQUEST) readonly request: unknown) {}

      @Transactional()
      async isIn(): Promise<boolean> {
        return isTransactionActive();
      }
    }
    server.open();
    const app = await startContext({ imports: [SluiceModule.forRoot({ clients: clients() })], providers: [Basket] });
    const [first, second] = await Promise.all(
      ['a', 'b'].map(async (request) => {
        const contextId = ContextIdFactory.create();
        app.registerRequestByContextId(request, contextId);
        return await app.resolve(Basket, contextId);
      }),
    );
    expect([first?.request, second?.request]).toEqual(['a', 'b']);
    expect([await first?.isIn(), await second?.isIn()]).toEqual([true, true]);
  });

  it.each<[string, () => unknown]>([
    ['a getter', () => decorate({ get: () => 1 })],
    ['a property', () => decorate(undefined)],
    ['a generator', () => decorate({ value: async function* sold() {} })],
    ['without parentheses', () => (Transactional as (...args: unknown[]) => unknown)({}, 'key', {})],
    ['an unknown option', () => Transactional({ isolation: 'SERIALIZABLE' } as never)],
    ['a name that is none', () => Transactional({ database: 7 } as never)],
  ])('is refused on or with %s', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

const decorate = (descriptor: PropertyDescriptor | undefined): unknown =>
  (Transactional() as (...args: unknown[]) => unknown)({}, 'key', descriptor);

describe('SluiceHealthIndicator', () => {
  it('says that clients are up, although each connection is in use', async () => {
    const app = await startContext({ imports: [SluiceModule.forRoot({ clients: clients(1) })], providers: [Products] });
    const { database } = app.get(Products);
    const health = app.get(SluiceHealthIndicator);
    await database.transaction(async () => {
      await database.query('select 1');
      expect(await health.pingCheck('database')).toMatchObject({
        database: { status: 'up', clients: { default: { status: 'up' } } },
      });
    });
  });

  it('says what is down, and nothing more', async () => {
    const database = createDatabase({
      clients: {
        default: postgres({ connectionString: server.url }),
        away: postgres({ host: '127.0.0.1', port: 1, password: 'secret' }),
      },
    });
    const app = await startContext({ imports: [SluiceModule.forRoot({ database, closeOnShutdown: true })] });
    const found = await app.get(SluiceHealthIndicator).pingCheck('database', { timeout: 300 });
    expect(found.database.status).toBe('down');
    expect(found.database.clients['default']).toMatchObject({ status: 'up' });
    expect(found.database.clients['away']).toMatchObject({ status: 'down', error: expect.any(String) as string });
    expect(JSON.stringify(found)).not.toContain('secret');
    expect(await app.get(SluiceHealthIndicator).pingCheck('it', { clientName: 'default' })).toMatchObject({
      it: { status: 'up' },
    });
  });

  it('is an indicator of Terminus', async () => {
    const away = createDatabase({ clients: { default: postgres({ host: '127.0.0.1', port: 1 }) } });
    @Controller()
    class Health {
      constructor(
        private readonly health: HealthCheckService,
        private readonly sluice: SluiceHealthIndicator,
      ) {}

      @Get('ready')
      @HealthCheck()
      async ready(): Promise<HealthCheckResult> {
        return await this.health.check([() => this.sluice.pingCheck('database')]);
      }

      @Get('others')
      @HealthCheck()
      async others(): Promise<HealthCheckResult> {
        return await this.health.check([() => this.sluice.pingCheck('it', { database: 'away', timeout: 200 })]);
      }
    }
    const { url } = await listen({
      imports: [
        TerminusModule,
        SluiceModule.forRoot({ clients: clients() }),
        SluiceModule.forRoot({ name: 'away', database: away, closeOnShutdown: true }),
      ],
      controllers: [Health],
    });
    const up = await fetch(`${url}/ready`);
    expect([up.status, await up.json()]).toMatchObject([200, { status: 'ok', info: { database: { status: 'up' } } }]);
    const down = await fetch(`${url}/others`);
    expect([down.status, await down.json()]).toMatchObject([
      503,
      { status: 'error', error: { it: { status: 'down' } } },
    ]);
  });

  it('refuses a database that is not there', async () => {
    const app = await startContext({ imports: [SluiceModule.forRoot({ clients: clients() })] });
    const error = await rejection(app.get(SluiceHealthIndicator).pingCheck('it', { database: 'archive' }));
    expect(error.message).toContain('Its databases are: default');
  });
});
