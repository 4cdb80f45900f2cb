import 'reflect-metadata';
import { Inject, Injectable, Module, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import { Kysely, PostgresDialect } from 'kysely';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type DataSource, EntitySchema } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import {
  getDatabaseToken,
  getJobsToken,
  getQueueToken,
  InjectDatabase,
  InjectJobs,
  InjectQueue,
  JobHandler,
  JobsModule,
  provideHandle,
  provideRelay,
  SluiceModule,
  Transactional,
  typeOrmOptions,
} from '../../src/frameworks/nestjs/index.ts';
import { channelNames, type Database, isTransactionActive } from '../../src/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { addToOutbox, createOutboxTables } from '../../src/outbox/index.ts';
import { defineQueue, type Job, type Jobs, memory, type Queue } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { startContext } from './nestjs-support.ts';

const server = useTestDatabase();
const shop = () => SluiceModule.forRoot({ clients: { default: postgres({ connectionString: server.url, max: 1 }) } });
const add = defineQueue<{ id: number }, string>('add');
const other = defineQueue<number, number>('other');

@Injectable()
class Products {
  constructor(
    @InjectDatabase() readonly database: Database,
    @InjectQueue(add) readonly queue: Queue<{ id: number }, string>,
    @InjectJobs() readonly jobs: Jobs,
  ) {}

  @JobHandler(add, { concurrency: 2 })
  async add({ id }: { id: number }, job: Job): Promise<string> {
    await this.database.query('insert into product (id) values ($1)', [id]);
    return `${job.queue} ${id} ${isTransactionActive()}`;
  }

  @Transactional()
  async order(id: number): Promise<string> {
    await this.database.query('insert into product (id) values ($1)', [id]);
    return await this.queue.pushAsync({ id: id + 1 });
  }
}

describe('JobsModule', () => {
  it('gives jobs to the methods of providers, in transactions of their own', async () => {
    const app = await startContext({
      imports: [shop(), JobsModule.forRoot({ queues: { add } })],
      providers: [Products],
    });
    const products = app.get(Products);
    expect(products.jobs).toBe(app.get(getJobsToken()));
    expect(products.queue).toBe(app.get(getQueueToken(add)));
    // One connection, and the job is awaited in the transaction.
    expect(await products.order(1)).toBe('add 2 true');
    expect(await server.products()).toEqual([1, 2]);
  });

  it('takes an engine from other providers, and runs nothing where it has no workers', async () => {
    const app = await startContext({
      imports: [
        shop(),
        JobsModule.forRootAsync({
          queues: { add },
          workers: false,
          imports: [Config],
          inject: ['ENGINE'],
          useFactory: (engine: ReturnType<typeof memory>) => ({ engine }),
        }),
      ],
      providers: [Products],
    });
    const handle = await app.get(Products).queue.push({ id: 1 });
    expect(await handle.status()).toBe('waiting');
  });

  it('makes a provider of a request for each job, and the job is its request', async () => {
    const made: unknown[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class PerJob {
      constructor(@Inject(REQUEST) readonly job: Job) {
        made.push(job.id);
      }

      @JobHandler(add)
      async add({ id }: { id: number }, job: Job): Promise<string> {
        return `${id} ${this.job === job}`;
      }
    }
    const app = await startContext({ imports: [shop(), JobsModule.forRoot({ queues: { add } })], providers: [PerJob] });
    const queue = app.get<Queue<{ id: number }, string>>(getQueueToken(add));
    expect(await queue.pushAsync({ id: 1 })).toBe('1 true');
    expect(await queue.pushAsync({ id: 2 })).toBe('2 true');
    expect(new Set(made).size).toBe(2);
  });

  it('waits for running jobs at the end, before what their handlers use is closed', async () => {
    const begun = signal();
    const goOn = signal();
    let isOpen = true;
    @Injectable()
    class Slow {
      constructor(@InjectDatabase() readonly database: Database) {}

      @JobHandler(add)
      async add({ id }: { id: number }): Promise<string> {
        begun.fire();
        await goOn.promise;
        if (!isOpen) throw new Error('what the handler uses is closed');
        await this.database.query('insert into product (id) values ($1)', [id]);
        return '';
      }

      onApplicationShutdown(): void {
        isOpen = false;
      }
    }
    @Module({ providers: [Slow] })
    class SlowModule {}
    const app = await startContext({ imports: [shop(), SlowModule, JobsModule.forRoot({ queues: { add } })] });
    await app.get<Queue<{ id: number }, string>>(getQueueToken(add)).push({ id: 7 });
    await begun.promise;
    const closing = app.close();
    setTimeout(goOn.fire, 20);
    await closing;
    expect(isOpen).toBe(false);
    expect(await server.products()).toEqual([7]);
  });

  it('relays the outbox from the start to the end', async () => {
    const delivered: unknown[] = [];
    const database = server.open();
    await createOutboxTables(database.current);
    const app = await startContext({
      imports: [SluiceModule.forRoot({ database, closeOnShutdown: true })],
      providers: [
        { provide: 'DELIVERED', useValue: delivered },
        provideRelay({
          provide: 'RELAY',
          inject: ['DELIVERED'],
          useFactory: (into: unknown[]) => ({
            channel: 'mail',
            pollInterval: 10,
            deliver: async (messages) => void into.push(...messages.map(({ payload }) => payload)),
          }),
        }),
      ],
    });
    await database.transaction(() => addToOutbox(database.current, [{ channel: 'mail', queue: 'sold', payload: 7 }]));
    await until('it is delivered', () => delivered.length === 1);
    expect(delivered).toEqual([7]);
    const failures: unknown[] = [];
    const note = (failure: unknown): void => void failures.push(failure);
    subscribe(channelNames.backgroundError, note);
    await app.close();
    unsubscribe(channelNames.backgroundError, note);
    expect(failures).toEqual([]);
    expect((await rejection(database.query('select 1')))['code']).toBe('DATABASE_CLOSED');
  });

  it('says at the start which queues there are', async () => {
    @Injectable()
    class Unlucky {
      @JobHandler(other)
      async run(data: number): Promise<number> {
        return data;
      }
    }
    const imports = [SluiceModule.forRoot({ database: server.open() }), JobsModule.forRoot({ queues: { add } })];
    const error = await rejection(startContext({ imports, providers: [Unlucky] }));
    expect(error).toMatchObject({ code: 'UNKNOWN_QUEUE' });
    expect(error.message).toContain('Unlucky.run has @JobHandler() for the queue "other"');
    expect(error.message).toContain('The queues are: add');

    @Injectable()
    class Pusher {
      constructor(@InjectQueue('others') readonly queue: Queue) {}
    }
    const second = await rejection(startContext({ imports, providers: [Pusher] }));
    expect(second.message).toContain('no queue named "others". Its queues are: add');
  });

  it('refuses a second handler of a queue, and a second JobsModule with the same one', async () => {
    @Injectable()
    class Again extends Products {}
    const database = server.open();
    const imports = [SluiceModule.forRoot({ database }), JobsModule.forRoot({ queues: { add } })];
    const error = await rejection(startContext({ imports, providers: [Products, Again] }));
    expect(error.message).toContain('The queue "add" has two handlers: Products.add and Again.add');
    const modules = [...imports, JobsModule.forRoot({ name: 'b', queues: { add } })];
    expect((await rejection(startContext({ imports: modules }))).message).toContain('have the queue "add"');
    // An alias is no second one.
    const alias = { provide: 'ALIAS', useExisting: Products };
    await startContext({ imports, providers: [Products, alias] });
  });

  it('works on a named database', async () => {
    const app = await startContext({
      imports: [
        shop(),
        SluiceModule.forRoot({ name: 'reports', database: server.open() }),
        JobsModule.forRoot({ name: 'reports', database: 'reports', queues: { other } }),
      ],
    });
    const jobs: Jobs = app.get(getJobsToken('reports'));
    expect(jobs.database).toBe(app.get(getDatabaseToken('reports')));
  });

  it.each<[string, () => unknown]>([
    ['a handler on a property', () => (JobHandler(add) as (...args: unknown[]) => void)({}, 'key')],
    ['a handler of no queue', () => JobHandler('add' as never)],
    ['an unknown option', () => JobsModule.forRoot({ queues: { add }, worker: true } as never)],
    ['workers that are none', () => JobsModule.forRoot({ queues: { add }, workers: 2 } as never)],
    ['no factory', () => JobsModule.forRootAsync({ queues: { add } } as never)],
  ])('refuses %s', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

@Module({ providers: [{ provide: 'ENGINE', useValue: memory() }], exports: ['ENGINE'] })
class Config {}

describe('libraries', () => {
  const Product = new EntitySchema<{ id: number }>({
    name: 'product',
    columns: { id: { type: 'int', primary: true } },
  });

  it('are providers over the database: TypeORM and Kysely in one transaction', async () => {
    @Injectable()
    class Both {
      constructor(
        @InjectDatabase() readonly database: Database,
        @InjectDataSource() readonly dataSource: DataSource,
        @Inject(Kysely) readonly kysely: Kysely<{ product: { id: number } }>,
      ) {}

      @Transactional()
      async add(fails: boolean): Promise<void> {
        await this.dataSource.getRepository(Product).insert({ id: 1 });
        await this.kysely.insertInto('product').values({ id: 2 }).execute();
        if (fails) throw new Error('no');
      }
    }
    const app = await startContext({
      imports: [
        shop(),
        TypeOrmModule.forRootAsync(
          typeOrmOptions(createDataSource, { useFactory: () => ({ entities: [Product], autoLoadEntities: true }) }),
        ),
      ],
      providers: [
        Both,
        provideHandle({
          provide: Kysely,
          useFactory: (database) =>
            bindKysely(new Kysely({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }), database),
        }),
      ],
    });
    await rejection(app.get(Both).add(true));
    expect(await server.products()).toEqual([]);
    await app.get(Both).add(false);
    expect(await server.products()).toEqual([1, 2]);
    await app.close();
    await until('nothing is connected', async () => {
      const found = await server.sql<{ n: number }>(
        "select count(*)::int as n from pg_stat_activity where datname = current_database() and state = 'idle in transaction'",
      );
      return found[0]?.n === 0;
    });
  });

  it('are told at once what TypeORM will not take', async () => {
    const imports = [
      SluiceModule.forRoot({ database: server.open() }),
      TypeOrmModule.forRootAsync(
        typeOrmOptions(createDataSource, { useFactory: () => ({ entities: [], poolSize: 3 }) as never }),
      ),
    ];
    expect((await rejection(startContext({ imports })))['code']).toBe('INVALID_OPTION');
  });
});
