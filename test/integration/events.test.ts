import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import {
  createEvents,
  createEventTables,
  defineEvent,
  type EventDefinition,
  type Events,
  eventTablesSql,
  type PayloadOf,
  type StandardSchema,
} from '../../src/events/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { clientOf } from '../../src/database/index.ts';
import type { Engine } from '../support/engines/engine.ts';
import { mariadbEngine } from '../support/engines/mariadb.ts';
import { postgresEngine } from '../support/engines/postgres.ts';
import { useTestDatabase } from '../support/database.ts';
import { rowsReadOf } from '../support/rows-read.ts';
import { whenReached } from '../support/servers.ts';
import { rejection } from '../support/settled.ts';

const placed = defineEvent<unknown>('order.placed');
/** Publications that are kept; a million by hand. */
const completed = Number(process.env['SLUICE_COMPLETED_PUBLICATIONS'] ?? 20_000);

describe('what is no event', () => {
  const server = useTestDatabase();
  let database: Database<'default'>;
  let events: Events;
  beforeEach(async () => {
    database = server.open();
    await createEventTables(database.current);
    await server.sql('delete from sluice_event_publication');
    events = createEvents(database, { maxPayload: 1_000, attempts: 1 });
    events.on(placed, { phase: 'durable', id: 'mail' }, () => {});
  });
  const publish = (payload: unknown): Promise<void> => database.transaction(() => events.publish(placed, payload));
  const rows = (): Promise<unknown[]> => server.sql('select 1 from sluice_event_publication');

  const cycle: Record<string, unknown> = {};
  cycle['cycle'] = cycle;
  it.each<[string, unknown]>([
    ['a BigInt', 1n],
    ['a function', () => 1],
    ['a promise', Promise.resolve(1)],
    ['a cycle', cycle],
    ['a symbol', Symbol('x')],
    ['a Map', new Map([[1, 2]])],
    ['a Set', new Set([1])],
    ['a generator', [1].values()],
    ['a stream', Readable.from(['x'])],
  ])('is refused: %s', async (_, payload) => {
    expect(await rejection(publish(payload))).toMatchObject({ code: 'UNSERIALIZABLE' });
    expect(await rows()).toEqual([]);
  });

  it('is refused where it is too large, and says no more of it than its size', async () => {
    const error = await rejection(publish('secret'.repeat(1_000)));
    expect(error).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      message: expect.stringContaining('maxPayload of createEvents'),
    });
    expect(String(error)).not.toContain('secret');
  });

  it.each(['', 'x'.repeat(10_000), 'a\nb', 'a\0b', 7, undefined])('a name or id that cannot be: %j', (given) => {
    expect(() => defineEvent(given as string)).toThrow('defineEvent got');
    expect(() => events.on(placed, { phase: 'durable', id: given as string }, () => {})).toThrow(/"id"/);
  });

  it('a second listener with the same id, an id of no durable one, and no listener', () => {
    const paid = defineEvent('order.paid');
    expect(() => events.on(paid, { phase: 'durable', id: 'mail' }, () => {})).toThrow('has the id "mail" of another');
    expect(() => events.on(paid, { phase: 'afterCommit', id: 'x' } as never, () => {})).toThrow("phase: 'durable'");
    expect(() => events.on(paid, { phase: 'afterCommit' }, undefined as never)).toThrow('is no function');
    expect(() => events.on({ name: '' } as never, { phase: 'afterCommit' }, () => {})).toThrow('defineEvent');
  });

  it.each([undefined, null, 'order.placed', {}, { name: 5 }, { name: 'x', parse: 5 }])(
    'what defineEvent has not made: %j',
    async (given) => {
      expect(await rejection(database.transaction(() => events.publish(given as never, 1)))).toMatchObject({
        code: 'INVALID_OPTION',
      });
    },
  );

  it('keeps __proto__ and constructor a part of names, and constructor one of the payload', async () => {
    const odd = defineEvent<unknown>('__proto__');
    const got: unknown[] = [];
    events.on(odd, { phase: 'durable', id: 'constructor' }, (payload) => void got.push(payload));
    const payload: unknown = JSON.parse('{"constructor":1}');
    await database.transaction(() => events.publish(odd, payload));
    await events.drain();
    expect(JSON.stringify(got)).toBe('[{"constructor":1}]');
  });

  it('is validated when it is published, and when a durable listener gets it', async () => {
    const sold = defineEvent('product.sold', {
      parse(value): { at: Date } {
        const at = new Date((value as { at: string }).at);
        if (Number.isNaN(at.getTime())) throw new TypeError('no date');
        return { at };
      },
    });
    expectTypeOf<PayloadOf<typeof sold>>().toEqualTypeOf<{ at: Date }>();
    const schema: StandardSchema<string, number> = {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: Number(value) }) },
    };
    const counted = defineEvent('product.counted', { parse: schema });
    expectTypeOf(counted).toEqualTypeOf<EventDefinition<string, number>>();
    const got: unknown[] = [];
    events.on(sold, { phase: 'beforeCommit' }, ({ at }) => void got.push(at));
    events.on(sold, { phase: 'durable', id: 'sold' }, ({ at }) => void got.push(at));
    const at = new Date(0);
    await database.transaction(() => events.publish(sold, { at }));
    const wrong = { at: 'secret' } as never;
    const error = await rejection(database.transaction(() => events.publish(sold, wrong)));
    expect(error).toMatchObject({ code: 'INVALID_PAYLOAD', cause: { message: 'no date' } });
    expect(String(error)).not.toContain('secret');
    await events.drain();
    expect(got).toEqual([at, at]);
    await database.transaction(() => events.publish(sold, { at }));
    await server.sql(`update sluice_event_publication set payload = '{"at":"spoilt"}'`);
    await events.drain();
    const { publications } = await events.incomplete();
    expect(publications).toMatchObject([
      { state: 'failed', lastError: expect.stringContaining('InvalidPayloadError') },
    ]);
  });

  it.each(['payload', 'context'])(
    'a row whose %s somebody has spoilt is parked, and keeps no other from running',
    async (column) => {
      await publish(1);
      await server.sql(`update sluice_event_publication set ${column} = '{'`);
      await publish(2);
      expect(await events.drain()).toBe(1);
      expect((await events.incomplete()).publications).toMatchObject([{ state: 'failed' }]);
    },
  );

  it('a listener whose process dies of it each time is parked', async () => {
    await publish(1);
    await server.sql(`update sluice_event_publication set state = 'processing', attempts = 1, due_at = now()`);
    expect(await events.drain()).toBe(0);
    expect((await events.incomplete()).publications).toMatchObject([
      { state: 'failed', lastError: expect.stringContaining('Its process ended') },
    ]);
  });

  it('drain is refused in a transaction', async () => {
    expect(await rejection(database.transaction(() => events.drain()))).toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe.each<Engine>([postgresEngine, mariadbEngine])('on $name', (engine) => {
  const server = engine.server();
  const isPostgres = engine.name === 'postgres';
  let database: Database<'default'>;
  let isThere = true;
  beforeAll(async () => {
    isThere = isPostgres || (await whenReached('MariaDB'));
    if (!isThere) return;
    await server.start();
    database = createDatabase({ clients: { default: server.client() } });
  });
  afterAll(async () => {
    if (!isThere) return;
    await database.close({ timeout: 1_000 });
    await server.drop();
  });

  it('missing tables, and those of another version, are a clear error', async () => {
    if (!isThere) return;
    const events = createEvents(database);
    events.on(placed, { phase: 'durable', id: 'mail' }, () => {});
    const expected = { code: 'EVENT_TABLES_MISSING', message: expect.stringContaining('createEventTables') };
    const failing = [
      () => events.drain(),
      () => events.counts(),
      () => events.incomplete(),
      () => events.resubmit({ all: true }),
      () => database.transaction(() => events.publish(placed, 1)),
    ];
    for (const call of failing) expect(await rejection(call())).toMatchObject(expected);
    await createEventTables(database.current);
    await server.sql('alter table sluice_event_publication drop column due_at');
    expect(await rejection(events.drain())).toMatchObject(expected);
    await server.sql('drop table sluice_event_publication');
  });

  /** Adds what waits for another event of the same listener, which this process does not have. */
  async function addForAnotherEvent(): Promise<void> {
    const series = isPostgres ? `generate_series(1, ${completed})` : `seq_1_to_${completed}`;
    await server.sql(`insert into sluice_event_publication (event_id, event, listener, payload, context)
      select 'e', 'order.shipped', 'mail', '1', '{}' from ${series}`);
    await server.sql(isPostgres ? 'analyze sluice_event_publication' : 'analyze table sluice_event_publication');
  }

  /** Adds what has been completed, of which there may be a lot where publications are kept. */
  async function addCompleted(): Promise<void> {
    const [series, now] = isPostgres
      ? [`generate_series(1, ${completed})`, 'now()']
      : [`seq_1_to_${completed}`, 'now(3)'];
    await server.sql(`insert into sluice_event_publication (event_id, event, listener, payload, context, state, due_at, completed_at)
      select 'e', 'order.placed', 'mail', '1', '{}', 'completed', null, ${now} from ${series}`);
    await server.sql(isPostgres ? 'analyze sluice_event_publication' : 'analyze table sluice_event_publication');
  }

  it(
    `reads nothing of ${completed} completed ones, and those of other events, where it publishes, claims and completes`,
    {
      timeout: 600_000,
    },
    async () => {
      if (!isThere) return;
      await createEventTables(database.current);
      await addCompleted();
      await addForAnotherEvent();
      const alone = createDatabase({ clients: { default: server.client({ max: 1 }) } });
      const events = createEvents(alone);
      let heard = 0;
      events.on(placed, { phase: 'durable', id: 'mail' }, () => void (heard += 1));
      const readOf = async (): Promise<number> => {
        const rowsRead = (): Promise<number> =>
          rowsReadOf(alone, 'sluice_event_publication', isPostgres ? 'postgres' : 'mariadb');
        const asked = await rowsRead();
        const before = await rowsRead();
        await alone.transaction(() => Promise.all([1, 2, 3].map((order) => events.publish(placed, order))));
        await events.drain();
        // What the question itself reads, MariaDB counts too.
        return (await rowsRead()) - before - (before - asked);
      };
      try {
        const read = await readOf();
        expect(heard).toBe(3);
        expect(read).toBeGreaterThan(0);
        expect(read).toBeLessThan(100);
        // Without its index it reads them all, so that the test can fail.
        const index = 'drop index sluice_event_publication_due';
        await server.sql(isPostgres ? index : `${index} on sluice_event_publication`);
        expect(await readOf()).toBeGreaterThanOrEqual(completed);
      } finally {
        await alone.close({ timeout: 1_000 });
        await server.sql('drop table sluice_event_publication');
      }
    },
  );

  it('lists what is incomplete by an index among many that are completed', async () => {
    if (!isThere) return;
    await createEventTables(database.current);
    await addCompleted();
    const { driver } = clientOf(database.current);
    const listed = driver.events?.list({
      state: undefined,
      listener: undefined,
      after: '0',
      limit: 10,
      payload: false,
    });
    const list = (listed?.text ?? '').replace('$1', `'0'`).replace('$2', '10');
    const plan = JSON.stringify(await server.sql(`explain ${list}`));
    expect(plan).toContain(isPostgres ? 'sluice_event_publication_open' : 'sluice_event_publication_completed');
    expect(plan).not.toMatch(/Seq Scan|"type":"ALL"/);
  });

  it('has its SQL as text', () => {
    expect(eventTablesSql(isThere && engine.name === 'mariadb' ? 'mysql' : 'postgres')).toContain(
      'sluice_event_archive',
    );
    expect(() => eventTablesSql('oracle')).toThrow('no transactional events');
  });
});
