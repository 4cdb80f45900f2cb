import { afterEach, describe, expect, it } from 'vitest';
import { AcquireTimeoutError, ConnectError, type Database } from '../../src/index.ts';
import { engine, itWith, useTestDatabase } from '../support/database.ts';
import type { LimitedUser } from '../support/engines/engine.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
const users: LimitedUser[] = [];

async function limitedUser(connections: number): Promise<LimitedUser> {
  const user = await server.limitedUser(connections);
  users.push(user);
  return user;
}

afterEach(async () => {
  for (const user of users.splice(0)) await user.drop();
});

/** Callers who go on asking until `isOver`; gives what went wrong. */
async function ask(database: Database, callers: number, isOver: () => boolean): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  const callOn = async (): Promise<void> => {
    while (!isOver()) await database.current.query(engine.sql.sleep(0.02)).catch((error) => failures.push(error));
  };
  await Promise.all(Array.from({ length: callers }, callOn));
  return failures;
}

describe('a server that gives fewer connections than the budget', () => {
  itWith('sessions')('serves all callers with those that it gives, however long it goes on', async () => {
    const user = await limitedUser(5);
    const acquireTimeout = 2_000;
    const database = server.open({ connectionString: user.url, budget: 25, acquireTimeout });
    const end = performance.now() + acquireTimeout * 1.5;
    expect(await ask(database, 25, () => performance.now() > end)).toEqual([]);
    expect(await server.connections()).toBeLessThanOrEqual(5);
    await database.close();
  });

  itWith('sessions')('serves on with what is open when it refuses new connections for good', async () => {
    const user = await limitedUser(10);
    const database = server.open({ connectionString: user.url, budget: 25 });
    await database.current.query('select 1');
    await user.lock();
    let asked = 0;
    expect(await ask(database, 25, () => (asked += 1) > 100)).toEqual([]);
    await database.close();
  });

  itWith('sessions')('is named as the cause where nothing becomes free', async () => {
    const user = await limitedUser(1);
    const [holder, other] = [1, 2].map(() =>
      server.open({ connectionString: user.url, max: 3, maxLevel: 0, acquireTimeout: 300 }),
    ) as [Database, Database];
    await holder.current.query('select 1');
    const error = await rejection(other.current.query('select 1'));
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error).toMatchObject({ code: 'ACQUIRE_TIMEOUT', cause: { code: 'CONNECT_FAILED', cause: user.refusal } });
    expect(error.message).toContain('1 may have one that could not be opened');
    expect(error['remedy']).toContain('See the cause');
    expect(error['remedy']).not.toContain('raise max');
    // Those who wait for the few that serve are told as well.
    const release = signal();
    const holding = holder.transaction(async () => {
      await holder.current.query('select 1');
      await release.promise;
    });
    await until('it is held', () => holder.stats().clients['default']?.used === 1);
    const waiting = await rejection(holder.current.query('select 1'));
    expect(waiting).toMatchObject({ code: 'ACQUIRE_TIMEOUT', cause: { cause: user.refusal } });
    release.fire();
    await holding;
    await Promise.all([holder.close(), other.close()]);
  });
});

describe('a server that accepts a connection and says nothing', () => {
  itWith('sessions')('costs acquireTimeout, and the cause says that connecting did not end', async () => {
    const proxy = await startFaultProxy(server.url);
    proxy.set('down', { type: 'swallow', after: 0 });
    const database = server.open({ connectionString: proxy.url, acquireTimeout: 1_000 });
    const error = await rejection(database.current.query('select 1'));
    expect(error).toMatchObject({ code: 'ACQUIRE_TIMEOUT' });
    expect(error.cause).toBeInstanceOf(ConnectError);
    expect((error.cause as Error).message).toMatch(
      /had not finished connecting to .*127\.0\.0\.1:\d+.* after 1,?000 ms/,
    );
    proxy.set('down', undefined);
    expect((await database.current.query('select 1')).rows).toHaveLength(1);
    await database.close();
    await proxy.close();
  });
});

describe('a server that falls silent in the middle of connecting', () => {
  itWith('sessions')('takes no place of the budget for longer than acquireTimeout', async () => {
    const proxy = await startFaultProxy(server.url);
    const connectionString = proxy.url;
    for (const after of [0, 20, 80, 130, 200, 330]) {
      const database = server.open({ connectionString, max: 1, maxLevel: 0, acquireTimeout: 100 });
      proxy.set('down', { type: 'swallow', after });
      const error = await rejection(database.current.query('select 1'));
      expect(error).toMatchObject({ code: 'ACQUIRE_TIMEOUT' });
      await until('the attempt has ended', () => database.stats().clients.default.opening === 0);
      proxy.set('down', undefined);
      const answers = (): Promise<boolean> =>
        database.current.query('select 1').then(
          () => true,
          () => false,
        );
      await until('its place is free again', answers);
      await database.close();
    }
    await proxy.close();
  });
});

describe('10,000 callers who wait in vain', () => {
  it('leave the event loop to its other work after every 100 of them', async () => {
    const holders = engine.lacks['several writers'] === undefined ? 50 : 1;
    const database = server.open({ max: holders, budget: holders, maxLevel: 0, acquireTimeout: 1_500 });
    const release = signal();
    const holding = Array.from({ length: holders }, () =>
      database.transaction(async () => {
        await database.current.query('select id from product');
        await release.promise;
      }),
    );
    try {
      await until('all are held', () => database.stats().clients['default']?.used === holders);
      await until('connections are', () => database.stats().clients['default']?.opening === 0);
      expect(await mostInOneTurn(database)).toBeLessThanOrEqual(100);
    } finally {
      release.fire();
      await Promise.all(holding);
    }
  });
});

/** How many of 10,000 transactions are given up in one turn of the event loop. */
async function mostInOneTurn(database: Database): Promise<number> {
  const codes: unknown[] = [];
  for (let count = 0; count < 10_000; count += 1) {
    const waiting = database.transaction(() => database.current.query('select id from product'));
    waiting.catch((error: { code: unknown }) => codes.push(error.code));
  }
  let most = 0;
  let before = 0;
  while (codes.length < 10_000) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, codes.length - before);
    before = codes.length;
  }
  expect(new Set(codes)).toEqual(new Set(['ACQUIRE_TIMEOUT']));
  return most;
}
