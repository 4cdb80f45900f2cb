import 'reflect-metadata';
import { Inject, Injectable, Module, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import {
  createEventTables,
  defineEvent,
  type DurableEvent,
  Events,
  type RolledBackEvent,
} from '../../src/events/index.ts';
import {
  EventsModule,
  getDatabaseToken,
  getEventsToken,
  InjectDatabase,
  InjectEvents,
  OnTransactionalEvent,
  SluiceModule,
  Transactional,
} from '../../src/frameworks/nestjs/index.ts';
import { type Database, isTransactionActive } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { startContext } from './nestjs-support.ts';

const server = useTestDatabase();
const shop = () => SluiceModule.forRoot({ clients: { default: postgres({ connectionString: server.url, max: 2 }) } });
const placed = defineEvent<{ id: number }>('order.placed');
const open = (): Promise<{ listener: string }[]> => server.sql('select listener from sluice_event_publication');

beforeEach(async () => {
  const database = server.open();
  await createEventTables(database.current);
  await server.sql('delete from sluice_event_publication');
});

@Injectable()
class Orders {
  constructor(
    @InjectDatabase() readonly database: Database,
    @InjectEvents() readonly events: Events,
  ) {}

  @Transactional()
  async place(id: number, fails = false): Promise<void> {
    await this.events.publish(placed, { id });
    if (fails) throw new Error('no');
  }
}

describe('EventsModule', () => {
  it('gives events to the methods of providers, by their phases', async () => {
    const said: unknown[] = [];
    @Injectable()
    class Listeners {
      readonly name = 'bill';

      constructor(@InjectDatabase() readonly database: Database) {}

      @OnTransactionalEvent(placed, { phase: 'beforeCommit' })
      check({ id }: { id: number }): void {
        if (id === 13) throw new Error('not for sale');
        said.push(['beforeCommit', isTransactionActive()]);
      }

      @OnTransactionalEvent(placed, { phase: 'afterCommit' })
      tell({ id }: { id: number }): void {
        said.push(['afterCommit', id]);
      }

      @OnTransactionalEvent(placed, { phase: 'afterRollback' })
      regret(_: { id: number }, { error }: RolledBackEvent): void {
        said.push(['afterRollback', (error as Error).message]);
      }

      @OnTransactionalEvent(placed, { phase: 'durable', id: 'bill' })
      async bill({ id }: { id: number }, { attempt }: DurableEvent): Promise<void> {
        await this.database.query('insert into product (id) values ($1)', [id]);
        this.database.current.afterCommit(() => void said.push([this.name, attempt, id]));
      }
    }
    const alias = { provide: 'ALIAS', useExisting: Listeners };
    const app = await startContext({
      imports: [shop(), EventsModule.forRoot({ pollInterval: 60_000 })],
      providers: [Orders, Listeners, alias],
    });
    const orders = app.get(Orders);
    expect(app.get(getEventsToken())).toBe(orders.events);
    expect(app.get(Events)).toBe(orders.events);
    await orders.place(7);
    await until('the durable one has run', () => said.length === 3);
    expect(said.slice(0, 2)).toEqual([
      ['beforeCommit', true],
      ['afterCommit', 7],
    ]);
    expect(said[2]).toEqual(['bill', 1, 7]);
    expect(await server.products()).toEqual([7]);
    expect(await open()).toEqual([]);
    expect((await rejection(orders.place(13))).message).toBe('not for sale');
    expect((await rejection(orders.place(14, true))).message).toBe('no');
    expect(said.slice(3)).toEqual([
      ['afterRollback', 'not for sale'],
      ['afterRollback', 'no'],
    ]);
    expect(await open()).toEqual([]);
  });

  it('hears what others publish while the application starts', async () => {
    const said: number[] = [];
    @Injectable()
    class Early {
      constructor(@Inject(Orders) readonly orders: Orders) {}

      async onModuleInit(): Promise<void> {
        await this.orders.place(1);
      }
    }
    @Injectable()
    class Listener {
      @OnTransactionalEvent(placed, { phase: 'afterCommit' })
      tell({ id }: { id: number }): void {
        said.push(id);
      }
    }
    await startContext({ imports: [shop(), EventsModule.forRoot()], providers: [Early, Orders, Listener] });
    expect(said).toEqual([1]);
  });

  it('makes a provider of a request for each event, and the event is its request', async () => {
    const made: unknown[] = [];
    const said: unknown[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class PerEvent {
      constructor(@Inject(REQUEST) readonly event: DurableEvent) {
        made.push(event.id);
      }

      @OnTransactionalEvent(placed, { phase: 'durable', id: 'bill' })
      bill({ id }: { id: number }, event: DurableEvent): void {
        said.push([id, this.event === event]);
      }
    }
    const app = await startContext({ imports: [shop(), EventsModule.forRoot()], providers: [Orders, PerEvent] });
    for (const id of [1, 2]) await app.get(Orders).place(id);
    await until('both have run', async () => (await open()).length === 0);
    expect(said).toHaveLength(2);
    expect(said).toEqual(
      expect.arrayContaining([
        [1, true],
        [2, true],
      ]),
    );
    expect(new Set(made).size).toBe(2);
  });

  it('publishes and runs nothing durable where that is left to other processes', async () => {
    @Injectable()
    class Listener {
      @OnTransactionalEvent(placed, { phase: 'durable', id: 'bill' })
      bill(): void {}
    }
    const imports = [shop(), EventsModule.forRoot({ durable: false, pollInterval: 10 })];
    const app = await startContext({ imports, providers: [Orders, Listener] });
    await app.get(Orders).place(1);
    expect(await open()).toEqual([{ listener: 'bill' }]);
    const worker = await startContext({ imports: [shop(), EventsModule.forRoot()], providers: [Listener] });
    await until('the other process has run it', async () => (await open()).length === 0);
    await worker.close();
    await app.get(Orders).place(2);
    expect((await app.get(Orders).events.incomplete()).publications).toMatchObject([{ attempts: 0, listener: 'bill' }]);
  });

  it('waits for durable listeners at the end, before what they use is closed', async () => {
    const begun = signal();
    const goOn = signal();
    let isOpen = true;
    @Injectable()
    class Slow {
      constructor(@InjectDatabase() readonly database: Database) {}

      @OnTransactionalEvent(placed, { phase: 'durable', id: 'slow' })
      async run({ id }: { id: number }): Promise<void> {
        begun.fire();
        await goOn.promise;
        if (!isOpen) throw new Error('what the listener uses is closed');
        await this.database.query('insert into product (id) values ($1)', [id]);
      }

      onApplicationShutdown(): void {
        isOpen = false;
      }
    }
    @Module({ providers: [Slow, Orders] })
    class SlowModule {}
    const app = await startContext({ imports: [shop(), SlowModule, EventsModule.forRoot()] });
    await app.get(Orders).place(7);
    await begun.promise;
    const closing = app.close();
    setTimeout(goOn.fire, 20);
    await closing;
    expect(isOpen).toBe(false);
    expect(await server.products()).toEqual([7]);
    expect(await open()).toEqual([]);
  });

  it('gives up at the shutdown what takes too long, for another process', async () => {
    const begun = signal();
    @Injectable()
    class Endless {
      @OnTransactionalEvent(placed, { phase: 'durable', id: 'endless' })
      async run(): Promise<void> {
        begun.fire();
        await new Promise(() => {});
      }
    }
    const imports = [shop(), EventsModule.forRoot({ shutdownTimeout: 10 })];
    const app = await startContext({ imports, providers: [Orders, Endless] });
    await app.get(Orders).place(7);
    await begun.promise;
    await app.close();
    expect(await server.sql('select state, attempts from sluice_event_publication')).toEqual([
      { state: 'published', attempts: 0 },
    ]);
  });

  it('has events of several databases apart, by name', async () => {
    const said: string[] = [];
    const reports = server.open();
    @Injectable()
    class Both {
      @OnTransactionalEvent(placed, { phase: 'afterCommit', events: 'reports' })
      report(): void {
        said.push('reports');
      }

      @OnTransactionalEvent(placed, { phase: 'afterCommit' })
      tell(): void {
        said.push('shop');
      }
    }
    const app = await startContext({
      imports: [
        shop(),
        SluiceModule.forRoot({ name: 'reports', database: reports }),
        EventsModule.forRoot(),
        EventsModule.forRoot({ name: 'reports', database: 'reports' }),
      ],
      providers: [Orders, Both],
    });
    const ofReports = app.get<Events>(getEventsToken('reports'));
    await app.get<Database>(getDatabaseToken('reports')).transaction(() => ofReports.publish(placed, { id: 1 }));
    expect(said).toEqual(['reports']);
    await app.get(Orders).place(1);
    expect(said).toEqual(['reports', 'shop']);
  });
});

describe('bad use is refused when the application starts', () => {
  @Injectable()
  class Bills {
    @OnTransactionalEvent(placed, { phase: 'durable', id: 'bill' })
    bill(): void {}
  }
  const start = async (imports: NonNullable<Parameters<typeof startContext>[0]['imports']>, ...providers: never[]) =>
    await rejection(startContext({ imports: [shop(), ...imports], providers }));

  it('an id that another durable listener has', async () => {
    @Injectable()
    class Again extends Bills {}
    const error = await start([EventsModule.forRoot()], Bills as never, Again as never);
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error.message).toContain('Two durable listeners have the id "bill": Bills.bill and Again.bill');
  });

  it('listeners without an EventsModule, and of events that there are not', async () => {
    const none = await start([], Bills as never);
    expect(none).toMatchObject({ code: 'INVALID_OPTION', remedy: expect.stringContaining('EventsModule.forRoot()') });
    expect(none.message).toContain('Bills.bill has @OnTransactionalEvent(), and the application has no EventsModule');
    @Injectable()
    class Elsewhere {
      @OnTransactionalEvent(placed, { phase: 'afterCommit', events: 'reports' })
      tell(): void {}
    }
    const unknown = await start([EventsModule.forRoot()], Elsewhere as never);
    expect(unknown.message).toContain('no EventsModule named "reports"');
    expect(unknown['remedy']).toContain("{ name: 'reports' }");
  });

  it('a durable listener without an id, two modules of one name, and options that createEvents refuses', async () => {
    @Injectable()
    class Nameless {
      @OnTransactionalEvent(placed, { phase: 'durable' } as never)
      bill(): void {}
    }
    expect((await start([EventsModule.forRoot()], Nameless as never)).message).toContain('is durable and has no "id"');
    const two = [EventsModule.forRoot(), EventsModule.forRoot({ durable: false })];
    expect((await start(two)).message).toContain('The application has two events named "default"');
    expect((await start([EventsModule.forRoot({ attempts: 0 })])).message).toContain('attempts');
  });

  it.each<[string, () => unknown]>([
    [
      'a listener on a property',
      () => (OnTransactionalEvent(placed, { phase: 'afterCommit' }) as (...args: unknown[]) => void)({}, 'key'),
    ],
    ['a listener of no event', () => OnTransactionalEvent('order.placed' as never, { phase: 'afterCommit' })],
    ['a phase that there is not', () => OnTransactionalEvent(placed, { phase: 'later' } as never)],
    ['an unknown option', () => EventsModule.forRoot({ listeners: true } as never)],
  ])('or where it stands: %s', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  it('a method that does not take the payload is none for the compiler', () => {
    class Wrong {
      // @ts-expect-error The payload of the event has a number.
      @OnTransactionalEvent(placed, { phase: 'afterCommit' })
      tell({ id }: { id: string }): string {
        return id;
      }
    }
    expect(Wrong).toBeTypeOf('function');
  });
});
