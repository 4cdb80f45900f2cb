import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import {
  createEvents,
  createEventTables,
  defineEvent,
  type Events,
  type EventsOptions,
} from '../../src/events/index.ts';
import { channelNames, currentContext, type Database, withContext } from '../../src/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { oddErrors } from '../support/odd-errors.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
const started: Events[] = [];
const errors: unknown[] = [];
const note = (event: unknown): void => void errors.push((event as { error: unknown }).error);
let database: Database<'default'>;
let events: Events;

const placed = defineEvent<{ id: number }>('order.placed');
const requiresNew = { propagation: 'REQUIRES_NEW' } as const;
const nested = { propagation: 'NESTED' } as const;

beforeEach(async () => {
  database = server.open({ max: 3 });
  await createEventTables(database.current);
  for (const table of ['sluice_event_publication', 'sluice_event_archive']) await server.sql(`delete from ${table}`);
  events = make();
  errors.length = 0;
  subscribe(channelNames.backgroundError, note);
});
afterEach(async () => {
  unsubscribe(channelNames.backgroundError, note);
  for (const each of started.splice(0)) await each.stop({ timeout: 500 });
});

function make(options: EventsOptions = {}, on = database): Events {
  const made = createEvents(on, { pollInterval: 20, retryDelay: 60_000, ...options });
  started.push(made);
  return made;
}
const publish = (id = 1, from = events): Promise<void> =>
  database.transaction(async () => {
    await from.publish(placed, { id });
  });
const states = async (): Promise<string[]> =>
  (await server.sql<{ state: string }>('select state from sluice_event_publication order by id')).map(
    ({ state }) => state,
  );

describe('the phases', () => {
  it('run in their order, each with what it is told', async () => {
    const said: unknown[] = [];
    events.on(placed, { phase: 'afterCompletion' }, (payload, { outcome }) => {
      expectTypeOf(payload).toEqualTypeOf<{ id: number }>();
      said.push(['afterCompletion', outcome, database.current.inTransaction]);
    });
    events.on(placed, { phase: 'afterCommit' }, ({ id }) => void said.push(['afterCommit', id]));
    events.on(placed, { phase: 'afterRollback' }, () => void said.push('afterRollback'));
    events.on(placed, { phase: 'beforeCommit' }, async ({ id }) => {
      await insert(database, id);
      said.push(['beforeCommit', database.current.inTransaction]);
    });
    await publish(7);
    expect(said).toEqual([
      ['beforeCommit', true],
      ['afterCommit', 7],
      ['afterCompletion', 'committed', false],
    ]);
    expect(await server.products()).toEqual([7]);
  });

  it('run for an event whose publishing was not awaited, if its row was written in time', async () => {
    const said: string[] = [];
    for (const phase of ['beforeCommit', 'afterCommit'] as const)
      events.on(placed, { phase }, () => void said.push(phase));
    events.on(placed, { phase: 'durable', id: 'mail' }, () => {});
    const { promise: outcome } = await database.transaction(async () => {
      const isPublished = events.publish(placed, { id: 1 }).then(() => 'published', String);
      await database.query('select 1');
      return { promise: isPublished };
    });
    expect(await outcome).toBe('published');
    expect(await states()).toEqual(['published']);
    expect(said).toEqual(['beforeCommit', 'afterCommit']);
  });

  it('do not run for an event whose row could not be written', async () => {
    const said: string[] = [];
    for (const phase of ['beforeCommit', 'afterCommit', 'afterRollback', 'afterCompletion'] as const)
      events.on(placed, { phase }, () => void said.push(phase));
    events.on(placed, { phase: 'durable', id: 'mail' }, () => {});
    await server.sql('alter table sluice_event_publication rename to set_aside');
    const work = database.transaction(() => events.publish(placed, { id: 1 }));
    expect(await rejection(work)).toMatchObject({ code: 'EVENT_TABLES_MISSING' });
    await server.sql('alter table set_aside rename to sluice_event_publication');
    expect(said).toEqual([]);
  });

  it('beforeCommit refuses the transaction by throwing', async () => {
    const said: unknown[] = [];
    events.on(placed, { phase: 'beforeCommit' }, () => Promise.reject(new Error('refused')));
    events.on(placed, { phase: 'afterCommit' }, () => void said.push('afterCommit'));
    events.on(placed, { phase: 'afterRollback' }, (_, { error }) => void said.push((error as Error).message));
    events.on(placed, { phase: 'durable', id: 'mail' }, () => void said.push('durable'));
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await events.publish(placed, { id: 1 });
      }),
    );
    expect(error.message).toBe('refused');
    expect(await events.drain()).toBe(0);
    expect(said).toEqual(['refused']);
    expect(await server.products()).toEqual([]);
  });

  it('a listener that was taken away hears nothing, and of two for one event both do', async () => {
    const said: string[] = [];
    const off = events.on(placed, { phase: 'afterCommit' }, () => void said.push('gone'));
    for (const name of ['one', 'two']) events.on(placed, { phase: 'afterCommit' }, () => void said.push(name));
    off();
    await publish();
    expect(said).toEqual(['one', 'two']);
  });

  it('outside of a transaction publishing is refused, also in a hook after the commit', async () => {
    events.on(placed, { phase: 'durable', id: 'mail' }, () => {});
    const expected = { code: 'EVENT_OUTSIDE_TRANSACTION', clientName: 'default', retryable: false };
    expect(await rejection(events.publish(placed, { id: 1 }))).toMatchObject(expected);
    let late: Promise<unknown> | undefined;
    await database.transaction(() => {
      database.current.afterCommit(() => (late = rejection(events.publish(placed, { id: 1 }))));
    });
    expect(await late).toMatchObject(expected);
    expect(await states()).toEqual([]);
  });
});

describe('what is not committed is not published', () => {
  let said: number[];
  beforeEach(() => {
    said = [];
    events.on(placed, { phase: 'afterCommit' }, ({ id }) => void said.push(id));
    events.on(placed, { phase: 'durable', id: 'mail' }, ({ id }) => void said.push(id * 10));
  });

  it('of a NESTED scope that was rolled back', async () => {
    await database.transaction(async () => {
      await events.publish(placed, { id: 1 });
      await rejection(
        database.transaction(async () => {
          await events.publish(placed, { id: 2 });
          throw new Error('no');
        }, nested),
      );
      await database.transaction(() => events.publish(placed, { id: 3 }), nested);
    });
    await events.drain();
    expect(new Set(said)).toEqual(new Set([1, 10, 3, 30]));
  });

  itWith('several writers')('of a transaction around a REQUIRES_NEW, whose own are', async () => {
    await rejection(
      database.transaction(async () => {
        await events.publish(placed, { id: 1 });
        await database.transaction(() => events.publish(placed, { id: 2 }), requiresNew);
        throw new Error('no');
      }),
    );
    await events.drain();
    expect(said).toEqual([2, 20]);
  });

  it('of attempts that were repeated', async () => {
    let attempts = 0;
    await database
      .transaction(
        async () => {
          attempts += 1;
          await events.publish(placed, { id: attempts });
          if (attempts < 3) throw Object.assign(new Error('again'), { code: '40001', errno: 1213, errcode: 5 });
        },
        { retry: { attempts: 3, delay: 1 } },
      )
      .catch(() => {});
    await events.drain();
    // Engines differ in what they take for repeatable; whatever has committed was published once.
    expect(said).toEqual(attempts === 3 ? [3, 30] : []);
  });
});

describe('a durable listener', () => {
  it('runs once after the commit, in a transaction of its own that completes its publication', async () => {
    const told: unknown[] = [];
    events.on(
      placed,
      { phase: 'durable', id: 'mail' },
      async ({ id }, { name, attempt, publishedAt, signal: ended }) => {
        await insert(database, id);
        told.push({
          name,
          attempt,
          isDate: Math.abs(Date.now() - publishedAt.getTime()) < 60_000,
          over: ended.aborted,
        });
        told.push(database.current.level);
      },
    );
    await publish(5);
    expect(await server.products()).toEqual([]);
    expect(await events.drain()).toBe(1);
    expect(await events.drain()).toBe(0);
    expect(told).toEqual([{ name: 'order.placed', attempt: 1, isDate: true, over: false }, 0]);
    expect(await server.products()).toEqual([5]);
    expect(await states()).toEqual([]);
  });

  it('runs by itself once its events have started, woken by the commit', async () => {
    const slow = make({ pollInterval: 60_000 });
    const said: number[] = [];
    slow.on(placed, { phase: 'durable', id: 'mail' }, ({ id }) => void said.push(id));
    slow.start();
    for (let id = 1; id <= 30; id += 1) await publish(id, slow);
    await until('all have come', () => said.length === 30);
    expect(said.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1));
  });

  it('gets the context of the publisher, and nothing of what is ambient where it runs', async () => {
    const seen: unknown[] = [];
    events.on(placed, { phase: 'durable', id: 'mail' }, () => void seen.push(currentContext()?.tenant));
    await withContext({ tenant: 'a' }, () => publish());
    await withContext({ tenant: 'b' }, () => events.drain());
    expect(seen).toEqual(['a']);
  });

  it('is one row for each, and the failure of one is not that of the other', async () => {
    const said: string[] = [];
    events.on(placed, { phase: 'durable', id: 'mail' }, () => void said.push('mail'));
    events.on(placed, { phase: 'durable', id: 'bad' }, async () => {
      await insert(database, 1);
      throw new Error('no mail today');
    });
    await publish();
    await events.drain();
    expect(said).toEqual(['mail']);
    expect(await server.products()).toEqual([]);
    const { publications } = await events.incomplete({ withPayload: true });
    expect(publications).toMatchObject([
      {
        listener: 'bad',
        state: 'published',
        lastError: 'Error: no mail today',
        payload: { id: 1 },
        isRegistered: true,
      },
    ]);
    expect(errors).toMatchObject([{ message: 'no mail today' }]);
  });

  it('is tried again with growing pauses, and parked with its error; resubmitted, it has all its attempts again', async () => {
    const few = make({ attempts: 3, retryDelay: 10 });
    let [runs, isMended] = [0, false];
    few.on(placed, { phase: 'durable', id: 'mail' }, () => {
      runs += 1;
      if (!isMended) throw new Error(`failure ${runs}`);
    });
    await publish(1, few);
    few.start();
    await until('it is parked', async () => (await states()).includes('failed'));
    expect(runs).toBe(3);
    expect((await few.incomplete({ state: 'failed' })).publications).toMatchObject([
      { attempts: 3, lastError: 'Error: failure 3', dueAt: undefined },
    ]);
    expect(await few.counts()).toMatchObject([
      { listener: 'mail', event: 'order.placed', published: 0, processing: 0, failed: 1, lag: 0, isRegistered: true },
    ]);
    isMended = true;
    expect(await few.resubmit({ listener: 'another' })).toBe(0);
    expect(await few.resubmit({ listener: 'mail' })).toBe(1);
    await until('it has run', async () => (await states()).length === 0);
    expect(runs).toBe(4);
  });

  it('is resubmitted for all listeners only if that is said', async () => {
    const one = make({ attempts: 1 });
    for (const id of ['mail', 'invoice'])
      one.on(placed, { phase: 'durable', id }, () => {
        throw new Error('no paper');
      });
    await publish(1, one);
    await one.drain();
    const unnamed = [{}, { listener: undefined }, { numbers: undefined, limit: 10 }, { all: false }];
    for (const options of unnamed)
      expect(await rejection(one.resubmit(options))).toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringContaining('{ all: true }'),
      });
    expect(await states()).toEqual(['failed', 'failed']);
    expect(await one.resubmit({ all: true, limit: 1 })).toBe(1);
    expect(await one.resubmit({ all: true })).toBe(1);
  });

  it.each(oddErrors)('that throws %s fails as others do, and keeps nobody from running', async (_, odd) => {
    const one = make({ attempts: 1 });
    const said: number[] = [];
    one.on(placed, { phase: 'durable', id: 'odd' }, () => {
      throw odd();
    });
    one.on(placed, { phase: 'durable', id: 'mail' }, ({ id }) => void said.push(id));
    await publish(1, one);
    await one.drain();
    expect(said).toEqual([1]);
    const { publications } = await one.incomplete();
    expect(publications).toMatchObject([{ state: 'failed', lastError: expect.any(String) }]);
  });

  it('that never ends is rolled back at its timeout, and by stop', async () => {
    const one = make({ attempts: 1 });
    one.on(placed, { phase: 'durable', id: 'endless', timeout: 50 }, () => new Promise(() => {}));
    await publish(1, one);
    await one.drain();
    expect((await one.incomplete()).publications).toMatchObject([
      { state: 'failed', lastError: expect.stringContaining('TransactionTimeoutError') },
    ]);
    const two = make();
    const begun = signal();
    two.on(placed, { phase: 'durable', id: 'slow' }, async () => {
      await insert(database, 9);
      begun.fire();
      await new Promise(() => {});
    });
    await publish(2, two);
    two.start();
    await begun.promise;
    await two.stop({ timeout: 10 });
    expect((await two.incomplete({ listener: 'slow' })).publications).toMatchObject([
      { state: 'published', attempts: 0 },
    ]);
    expect(await server.products()).toEqual([]);
  });

  it('publishes events of its own, which leave with its commit', async () => {
    const paid = defineEvent<{ id: number }>('order.paid');
    const said: number[] = [];
    events.on(placed, { phase: 'durable', id: 'pay' }, ({ id }) => events.publish(paid, { id: id + 1 }));
    events.on(paid, { phase: 'durable', id: 'thank' }, ({ id }) => void said.push(id));
    await publish(1);
    expect(await events.drain()).toBe(2);
    expect(said).toEqual([2]);
  });

  itWith('several writers')('may begin transactions inside of its own', async () => {
    events.on(placed, { phase: 'durable', id: 'mail' }, ({ id }) =>
      database.transaction(() => insert(database, id), requiresNew),
    );
    await publish(4);
    await events.drain();
    expect(await server.products()).toEqual([4]);
  });

  it('whose commit hook fails is completed all the same', async () => {
    events.on(placed, { phase: 'durable', id: 'mail' }, () => {
      database.current.afterCommit(() => {
        throw new Error('too late');
      });
    });
    await publish();
    await events.drain();
    expect(await states()).toEqual([]);
    expect(errors).toMatchObject([{ code: 'AFTER_COMMIT' }]);
  });
});

describe('the completion', () => {
  it.each(['keep', 'delete', 'archive'] as const)('%s', async (completion) => {
    const made = make({ completion });
    made.on(placed, { phase: 'durable', id: 'mail' }, () => {});
    await publish(1, made);
    await made.drain();
    const archived = await server.sql('select listener from sluice_event_archive where completed_at is not null');
    expect(await states()).toEqual(completion === 'keep' ? ['completed'] : []);
    expect(archived).toHaveLength(completion === 'archive' ? 1 : 0);
    expect((await made.incomplete()).publications).toEqual([]);
    expect(await made.resubmit({ all: true })).toBe(0);
  });

  it.each(['keep', 'archive'] as const)('%s ends with the retention', async (completion) => {
    const made = make({ completion, retention: 1_000 });
    made.on(placed, { phase: 'durable', id: 'mail' }, () => {});
    await publish(1, made);
    await made.drain();
    await publish(2, made);
    const table = completion === 'keep' ? 'sluice_event_publication' : 'sluice_event_archive';
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    made.start();
    await until('the old one is gone', async () => {
      const old = await server.sql(`select 1 as one from ${table} where payload like '%1%'`);
      return old.length === 0;
    });
  });
});

describe('several processes', () => {
  it('leave what they have no listener for to others, and show what nobody has any longer', async () => {
    const [one, other] = [make(), make()];
    const said: string[] = [];
    one.on(placed, { phase: 'durable', id: 'mail' }, () => void said.push('mail'));
    one.on(placed, { phase: 'durable', id: 'vanished' }, () => void said.push('vanished'));
    await publish(1, one);
    other.on(placed, { phase: 'durable', id: 'mail' }, () => void said.push('mail elsewhere'));
    expect(await other.drain()).toBe(1);
    expect(said).toEqual(['mail elsewhere']);
    expect((await other.incomplete()).publications).toMatchObject([
      { listener: 'vanished', state: 'published', isRegistered: false },
    ]);
  });

  it('leave publications of a listener whose id is for another event in a newer version to that', async () => {
    const another = server.open({ max: 3 });
    const [older, newer] = [make({ attempts: 1 }), make({ attempts: 1 }, another)];
    const shipped = defineEvent<{ id: number }>('order.shipped');
    const said: string[] = [];
    older.on(placed, { phase: 'durable', id: 'mail' }, ({ id }) => void said.push(`older ${id}`));
    newer.on(shipped, { phase: 'durable', id: 'mail' }, ({ id }) => void said.push(`newer ${id}`));
    for (const id of [1, 2]) await another.transaction(() => newer.publish(shipped, { id }));
    await publish(3, older);
    expect(await older.drain()).toBe(1);
    expect(said).toEqual(['older 3']);
    const isRegistered = false;
    expect((await older.incomplete()).publications).toMatchObject([
      { event: 'order.shipped', state: 'published', attempts: 0, isRegistered },
      { event: 'order.shipped', state: 'published', attempts: 0, isRegistered },
    ]);
    expect(await older.counts()).toMatchObject([{ listener: 'mail', event: 'order.shipped', isRegistered }]);
    expect(await newer.drain()).toBe(2);
    expect(said.toSorted()).toEqual(['newer 1', 'newer 2', 'older 3']);
    expect(await states()).toEqual([]);
  });

  it('run each publication once together', { timeout: 60_000 }, async () => {
    const said: number[] = [];
    const both = [make({ concurrency: 3 }), make({ concurrency: 3 }, server.open({ max: 3 }))];
    for (const each of both) each.on(placed, { phase: 'durable', id: 'mail' }, ({ id }) => void said.push(id));
    await database.transaction(async () => {
      for (let id = 1; id <= 100; id += 1) await both[0]?.publish(placed, { id });
    });
    for (const each of both) each.start();
    await until('all are completed', async () => (await states()).length === 0, 30_000);
    expect(said.toSorted((one, two) => one - two)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
  });

  it('a page at a time, the open ones are listed once each', async () => {
    events.on(placed, { phase: 'durable', id: 'mail' }, () => {});
    for (let id = 1; id <= 5; id += 1) await publish(id);
    const seen: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await events.incomplete({ limit: 2, cursor, withPayload: true });
      seen.push(...page.publications.map(({ payload }) => payload));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual([1, 2, 3, 4, 5].map((id) => ({ id })));
  });
});
