import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { channelNames, createDatabase, traceNames } from '../../src/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { type FleetBus, joinFleet } from '../../src/inspector/index.ts';
import type { Point, Snapshot } from '../../src/inspector/snapshot.ts';
import { toldHolders } from '../../src/inspector/look/told-holders.ts';
import type { HolderInfo } from '../../src/observation/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { signal, until } from '../support/settled.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { openInspector, readStream } from './inspector-client.ts';

const server = useTestDatabase();

const traced = Object.values(traceNames).map((name) => tracingChannel(name));
const isCounting = (): boolean => traced.some(({ hasSubscribers }) => hasSubscribers);
const sum = (points: readonly Point[], name: keyof Point): number =>
  points.reduce((total, point) => total + Number(point[name] ?? 0), 0);

describe('an inspector at which nobody looks', () => {
  it('sends no statement and counts nothing, from its start and after the last page was closed', async () => {
    const proxy = await startTcpProxy(server.url);
    onTestFinished(() => proxy.close());
    const database = createDatabase({ clients: { default: postgres({ connectionString: proxy.url }) } });
    onTestFinished(() => database.close());
    const open = await openInspector({ database, sessions: true });
    await open.get('/');
    expect((await open.get('/api/snapshot', { authorization: 'Bearer wrong' })).status).toBe(401);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(proxy.takeTrips()).toBe(0);
    expect(isCounting()).toBe(false);
    const stream = await readStream(open);
    await until('sessions were asked for', () => proxy.takeTrips() > 0);
    expect(isCounting()).toBe(true);
    stream.leave();
    await stream.ended;
    await open.inspector.close();
    expect(isCounting()).toBe(false);
  });
});

describe('a snapshot', () => {
  it('shows who holds a connection, who waits, and the pools', async () => {
    const database = server.open({ max: 1, maxLevel: 1 });
    const { snapshot } = await openInspector({ database, name: 'shop' });
    const { promise, fire } = signal();
    const inTransaction = signal();
    const holding = database.transaction(
      async () => {
        await database.query('select 4242424 as answer');
        inTransaction.fire();
        await promise;
      },
      { name: 'checkout' },
    );
    await inTransaction.promise;
    const waiting = database.transaction(() => database.query('select 1'), { name: 'browse' });
    const now = await snapshot();
    fire();
    await Promise.all([holding, waiting]);
    const [holder, waiter] = now.holders.shown;
    expect(holder).toMatchObject({ name: 'checkout', level: 0, waitsFor: { type: 'code' } });
    expect(holder?.processId).toBe(now.inspector);
    expect(holder?.origin).toContain('looking.test.ts');
    expect(waiter).toMatchObject({ name: 'browse', waitsFor: { type: 'connection' } });
    expect(now.processes).toEqual([
      expect.objectContaining({ name: 'shop', pid: process.pid, status: 'answered', isInspector: true, waiting: 1 }),
    ]);
    expect(now.processes[0]?.pools[0]).toMatchObject({ clientName: 'default', used: 1, waiting: 1, max: 1 });
    expect(JSON.stringify(now)).not.toContain('4242424');
  });

  it('gives the history of an open transaction, and none of one that has ended', async () => {
    const database = server.open();
    const { get, snapshot } = await openInspector({ database });
    let id = '';
    await database.transaction(
      async () => {
        await database.query('select $1::text', ['canary-of-a-parameter']);
        await database.query("select 'canary-of-a-literal'");
        id = (await snapshot()).holders.shown[0]?.id ?? '';
        const { json, text } = await get(`/api/transactions/${id}`);
        expect(json).toMatchObject({ id });
        expect(json['history']).toEqual(
          expect.arrayContaining([expect.objectContaining({ event: 'statement', transaction: 'checkout' })]),
        );
        expect(text).not.toContain('canary');
      },
      { name: 'checkout' },
    );
    expect((await get(`/api/transactions/${id}`)).status).toBe(404);
  });

  it('keeps thousands of waiting chains small', async () => {
    const database = server.open({ max: 1, maxLevel: 1 });
    const open = await openInspector({ database });
    const { promise, fire } = signal();
    const inTransaction = signal();
    const holding = database.transaction(async () => {
      await database.query('select 1');
      inTransaction.fire();
      await promise;
    });
    await inTransaction.promise;
    const count = 3_000;
    const waiting = Array.from({ length: count }, () =>
      database.transaction(() => database.query('select 1'), { name: 'browse' }),
    );
    const { text } = await open.get('/api/snapshot');
    let standstills: Snapshot['standstills'] = [];
    await until('it stands still', async () => (standstills = (await open.snapshot()).standstills).length > 0);
    fire();
    await Promise.all([holding, ...waiting]);
    // One of them is shown as a member.
    expect(standstills).toMatchObject([{ kind: 'held', waiting: count - 1 }]);
    expect(text.length).toBeLessThan(300_000);
    const { holders } = JSON.parse(text) as Snapshot;
    expect(holders.total).toBe(count + 1);
    expect(holders.shown).toHaveLength(300);
    expect(holders.groups).toEqual([
      expect.objectContaining({ name: 'browse', waitsFor: 'connection', count: count - 299, level: 0 }),
    ]);
    expect(holders.leftOut).toBe(0);
  });

  it('keeps a hundred thousand waiting chains of many kinds small', () => {
    const holder: HolderInfo = {
      id: 'a-1',
      kind: 'transaction',
      name: 'browse',
      clientName: 'default',
      level: 0,
      poolId: 'p-1',
      chainId: 'a-1',
      outerId: undefined,
      ancestors: [],
      job: undefined,
      blocks: [],
      attempt: 1,
      age: 5,
      origin: undefined,
      backend: undefined,
      running: undefined,
      waitsFor: { type: 'connection', opening: false, refused: undefined, for: 5 },
    };
    const backend = { id: 1, startedAt: undefined };
    const all = Array.from({ length: 100_000 }, (_, at): HolderInfo => ({ ...holder, name: `kind ${at % 1_000}` }));
    const last: HolderInfo = { ...holder, id: 'a-last', backend, waitsFor: { type: 'code', for: 1 } };
    const told = toldHolders([...all, last]);
    expect(told).toMatchObject({ total: 100_001, waiting: 100_000 });
    expect(told.shown).toHaveLength(300);
    // Who holds a connection is shown, however young.
    expect(told.shown).toContain(last);
    expect(told.groups).toHaveLength(100);
    const grouped = told.groups.reduce((total, { count }) => total + count, 0);
    expect(told.leftOut).toBe(100_001 - 300 - grouped);
  });

  it('shows the sessions of other programs, without literals', async () => {
    const database = server.open();
    const { snapshot } = await openInspector({ database, sessions: true });
    const other = createDatabase({
      clients: { default: postgres({ connectionString: server.url, applicationName: 'psql' }) },
    });
    onTestFinished(() => other.close());
    const { promise, fire } = signal();
    const idle = signal();
    const session = other.transaction(async () => {
      await other.query("select 'canary-of-a-literal' from product");
      idle.fire();
      await promise;
    });
    await idle.promise;
    let found = (await snapshot()).sessions;
    await until('the session is there', async () => (found = (await snapshot()).sessions).length > 0);
    fire();
    await session;
    expect(found).toEqual([expect.objectContaining({ application: 'psql', state: 'idle in transaction' })]);
    expect(found[0]?.text).toContain('product');
    expect(JSON.stringify(found)).not.toContain('canary');
  });
});

it('looks once for all who look on at the same time, and a moment later', async () => {
  let asked = 0;
  const fleet: FleetBus = {
    longestMessage: 1_000,
    open: () => {},
    publish: async (text) => void (asked += text.startsWith('q1 ') ? 1 : 0),
    close: async () => {},
  };
  const open = await openInspector({ database: server.open(), fleet, interval: 60_000 });
  const first = await Promise.all(Array.from({ length: 10 }, () => open.snapshot()));
  const later = await open.snapshot();
  expect(asked).toBe(1);
  expect(new Set([...first, later].map(({ at }) => at)).size).toBe(1);
});

describe('the sessions of others', () => {
  it('have none of its own connections, whatever becomes of those in the meantime', async () => {
    const database = server.open({ max: 6 });
    const stream = await readStream(await openInspector({ database, sessions: true }));
    let isOver = false;
    const buy = async (): Promise<void> => {
      while (!isOver) {
        await database.transaction(async () => {
          await database.query('select 1');
          await new Promise((resolve) => setTimeout(resolve, 5));
        });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const buying = [buy(), buy(), buy(), buy()];
    await until('it has looked many times', () => stream.snapshots.length > 20, 20_000);
    isOver = true;
    await Promise.all(buying);
    expect(stream.snapshots.flatMap(({ sessions }) => sessions.map(({ application }) => application))).toEqual([]);
    stream.leave();
  });

  it('have none that is only being opened', async () => {
    const stream = await readStream(await openInspector({ database: server.open(), sessions: true }));
    let isOver = false;
    const connect = async (): Promise<void> => {
      while (!isOver) {
        const client = new pg.Client({ connectionString: server.url, application_name: 'psql' });
        await client.connect();
        await client.end();
      }
    };
    const connecting = [connect(), connect(), connect(), connect()];
    await until('it has looked many times', () => stream.snapshots.length > 60, 60_000);
    isOver = true;
    await Promise.all(connecting);
    expect(stream.snapshots.flatMap(({ sessions }) => sessions)).toEqual([]);
    stream.leave();
  });

  it('have not that which asks for locks', async () => {
    const database = server.open();
    const { snapshot } = await openInspector({ database, sessions: true });
    const probe = createDatabase({
      clients: { default: postgres({ connectionString: server.url, applicationName: 'sluice lock probe' }) },
    });
    onTestFinished(() => probe.close());
    const asks = signal();
    const other = createDatabase({
      clients: { default: postgres({ connectionString: server.url, applicationName: 'psql' }) },
    });
    onTestFinished(() => other.close());
    const working = [probe, other].map((each) =>
      each.transaction(async () => {
        await each.query('select 1');
        await asks.promise;
      }),
    );
    let found: Snapshot['sessions'] = [];
    await until('the other one is there', async () => (found = (await snapshot()).sessions).length > 0);
    asks.fire();
    await Promise.all(working);
    expect(found.map(({ application }) => application)).toEqual(['psql']);
  });
});

describe('a member of a fleet', () => {
  it('leaves over a bus that has gone silent', async () => {
    const asked = signal();
    const { promise: silence } = signal();
    const fleet: FleetBus = {
      longestMessage: 1_000,
      open: (onMessage) => onMessage('q1 question-1 page-1 report'),
      publish: async () => {
        asked.fire();
        await silence;
      },
      close: async () => {},
    };
    const member = joinFleet(server.open(), { fleet });
    await asked.promise;
    await member.close();
  });
});

describe('the points', () => {
  it('have nothing of what the inspector asks itself, nor have the holders', async () => {
    const database = server.open({ max: 2 });
    const stream = await readStream(await openInspector({ database, sessions: true }));
    const points = (): Point[] => {
      const latest = new Map(stream.snapshots.flatMap((each) => each.points).map((point) => [point.at, point]));
      return [...latest.values()];
    };
    await until('a whole second is over', () => points().length > 0);
    expect(stream.snapshots.some(({ holders }) => holders.total === 0)).toBe(true);
    await database.query('select 1');
    await until('the statement is counted', () => sum(points(), 'statements') > 0, 20_000);
    expect(sum(points(), 'statements')).toBe(1);
    stream.leave();
  });

  it('count transactions, statements, waits and caches while a page is open', async () => {
    const database = server.open({ max: 1, maxLevel: 1 });
    const cache = createCache<string>(database, { name: 'names', ttl: 60_000 });
    const open = await openInspector({ database, caches: [cache] });
    const stream = await readStream(open);
    await until('a page is open', () => stream.snapshots.length > 1);
    const points = new Map<number, Point>();
    const read = (): Point[] => {
      for (const each of stream.snapshots) for (const point of each.points) points.set(point.at, point);
      return [...points.values()];
    };
    // The second in which the page was opened is not told: a part of it was not seen.
    await until('a whole second is over', () => read().length > 0);
    const body = (): Promise<unknown> => database.query('select pg_sleep(0.01)');
    await Promise.all(Array.from({ length: 5 }, () => database.transaction(body)));
    await database.query('select 1 / 0').catch(() => {});
    await cache.getOrSet('a', () => 'b');
    await cache.getOrSet('a', () => 'b');
    await until('the seconds are over', () => sum(read(), 'cacheHits') > 0, 20_000);
    const seen = read();
    expect(sum(seen, 'committed')).toBe(5);
    expect(sum(seen, 'statements')).toBe(6);
    expect(sum(seen, 'failedStatements')).toBe(1);
    expect(sum(seen, 'waits')).toBeGreaterThan(0);
    expect(sum(seen, 'cacheMisses')).toBe(1);
    const times = seen.flatMap(({ statementTimes }) => (statementTimes === undefined ? [] : [statementTimes]));
    expect(times.length).toBeGreaterThan(0);
    for (const [p50, p95, p99] of times) {
      expect(p50).toBeLessThanOrEqual(p95);
      expect(p95).toBeLessThanOrEqual(p99);
    }
    expect(stream.snapshots.at(-1)?.processes[0]?.caches[0]).toMatchObject({ name: 'names', hits: 1 });
    stream.leave();
  });

  it('are not disturbed by what others publish on the channels, nor by subscribers that throw', async () => {
    const database = server.open();
    const open = await openInspector({ database });
    const stream = await readStream(open);
    await until('a page is open', () => stream.snapshots.length > 0);
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => thrown.push(error));
    const failing = (): void => {
      throw new Error('of a subscriber');
    };
    subscribe(channelNames.transactionEnd, failing);
    onTestFinished(() => {
      unsubscribe(channelNames.transactionEnd, failing);
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    });
    for (const name of Object.values(traceNames)) tracingChannel(name).asyncEnd.publish(null);
    expect(await database.transaction(async () => (await database.query('select 1 as one')).rows)).toEqual([
      { one: 1 },
    ]);
    const seen = stream.snapshots.length;
    await until('it goes on', () => stream.snapshots.length > seen);
    expect(thrown.map(String)).toEqual(['Error: of a subscriber']);
    stream.leave();
  });
});
