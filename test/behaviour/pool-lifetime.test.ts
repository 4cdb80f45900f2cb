import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConnectionLeakEvent, channelNames } from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { signal, until } from '../support/settled.ts';

const server = useTestDatabase();
let opened = 0;
const countOpened = (): void => void (opened += 1);
beforeEach(() => {
  opened = 0;
  subscribe(channelNames.connectionOpen, countOpened);
});
afterEach(() => void unsubscribe(channelNames.connectionOpen, countOpened));

describe('maxLifetime', () => {
  itWith('sessions')('renews a connection that is in use all the time', async () => {
    const database = server.open({ max: 1, maxLevel: 0, maxLifetime: 50 });
    await until('a third connection', async () => {
      await database.current.query('select 1');
      return opened > 2;
    });
    expect(await server.connections()).toBeLessThanOrEqual(1);
  });

  itWith('sessions')('closes one that nobody uses, and opens none in its place', async () => {
    const database = server.open({ maxLifetime: 50, idleTimeout: 50_000 });
    await database.current.query('select 1');
    await until('it is closed', () => database.stats().clients.default.idle === 0);
    await until('the server has let go of it', async () => (await server.connections()) === 0);
    expect(opened).toBe(1);
  });

  it('never cuts a transaction', async () => {
    const database = server.open({ maxLifetime: 20 });
    await database.transaction(async () => {
      await insert(database, 1);
      const begun = performance.now();
      await until('its lifetime is over', () => performance.now() - begun > 50);
      await insert(database, 2);
    });
    expect(await server.products()).toEqual([1, 2]);
    expect(opened).toBe(1);
  });
});

describe('a connection that idled', () => {
  itWith('sessions')(
    'and on which nobody answers any more is replaced, and its caller hears nothing of it',
    async () => {
      const proxy = await startFaultProxy(server.url);
      const database = server.open({ connectionString: proxy.url, validateAfter: 10, acquireTimeout: 20_000 });
      // Several of them, all dead.
      await Promise.all([1, 2, 3].map(() => database.current.query(engine.sql.sleep(0.05))));
      await until('all are idle', () => database.stats().clients.default.idle === 3);
      const begun = performance.now();
      await until('they have idled', () => performance.now() - begun > 20);
      proxy.set('up', { type: 'swallow', after: 0 });
      const answer = database.current.query('select 1 as one');
      await until('it was asked in vain', () => proxy.hasStruck('up'));
      proxy.set('up', undefined);
      expect((await answer).rows).toEqual([{ one: 1 }]);
      expect(opened).toBe(4);
      await until('the dead ones are gone', () => database.stats().clients.default.closing === 0);
      await database.close();
      await proxy.close();
    },
  );

  itWith('sessions')('is used again where it answers', async () => {
    const database = server.open({ validateAfter: 1 });
    for (let turn = 0; turn < 5; turn += 1) {
      const begun = performance.now();
      await until('it has idled', () => performance.now() - begun > 5);
      await insert(database, turn);
    }
    expect(opened).toBe(1);
  });
});

describe('leakThreshold', () => {
  const leaks: ConnectionLeakEvent[] = [];
  const warnings: Error[] = [];
  const noteLeak = (event: unknown): void => void leaks.push(event as ConnectionLeakEvent);
  const noteWarning = (warning: Error): void => void warnings.push(warning);
  beforeEach(() => {
    leaks.length = warnings.length = 0;
    subscribe(channelNames.connectionLeak, noteLeak);
    process.on('warning', noteWarning);
  });
  afterEach(() => {
    unsubscribe(channelNames.connectionLeak, noteLeak);
    process.off('warning', noteWarning);
  });

  it('tells once of each connection that is held for longer, and where it was taken', async () => {
    const database = server.open({ leakThreshold: 30 });
    const release = signal();
    const leaked = database.transaction(
      async () => {
        await insert(database, 1);
        await release.promise;
      },
      { name: 'forgotten' },
    );
    await until('it is told', () => leaks.length > 0 && warnings.length > 0);
    const begun = performance.now();
    await until('it could be told again', () => performance.now() - begun > 100);
    const place = expect.stringMatching(/pool-lifetime\.test\.ts:\d+:\d+$/) as string;
    expect(leaks).toEqual([
      {
        clientName: 'default',
        level: 0,
        transaction: 'forgotten',
        heldFor: expect.any(Number) as number,
        takenAt: expect.stringMatching(/\w+\.ts:\d+:\d+$/) as string,
        openedAt: place,
      },
    ]);
    expect(leaks[0]?.heldFor).toBeGreaterThanOrEqual(30);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ code: 'SLUICE_CONNECTION_LEAK' });
    expect(warnings[0]?.message).toContain('"forgotten"');
    release.fire();
    await leaked;
  });

  it('says nothing of those that are given back', async () => {
    const leakThreshold = 20;
    const database = server.open({ leakThreshold });
    // On a machine that has other things to do a single one may be held for longer.
    await until('for five times as long none was held for longer', async () => {
      leaks.length = 0;
      const begun = performance.now();
      let longest = 0;
      while (performance.now() - begun < 5 * leakThreshold) {
        const taken = performance.now();
        await database.current.query('select 1');
        longest = Math.max(longest, performance.now() - taken);
      }
      return longest < leakThreshold;
    });
    expect(leaks).toEqual([]);
  });
});
