import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ChainDeadlockError,
  type ClientDefinition,
  channelNames,
  createDatabase,
  type Database,
  type LockProbeEvent,
} from '../../src/index.ts';
import { engine, insert, itWith, type Settings, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { startWireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase();
const requiresNew = { propagation: 'REQUIRES_NEW' } as const;
const touch = 'update product set stock = stock + 1 where id = $1';

const probes: LockProbeEvent[] = [];
const note = (event: unknown): void => void probes.push(event as LockProbeEvent);

async function startProduct(settings: Settings = {}): Promise<Database<'default'>> {
  const database = server.open({ max: 2 }, settings);
  await insert(database, 1);
  probes.length = 0;
  subscribe(channelNames.lockProbe, note);
  return database;
}
afterEach(() => unsubscribe(channelNames.lockProbe, note));

describe('a row lock along a chain', () => {
  itWith('row locks')('of a REQUIRES_NEW is named, with the transaction, the table and the statement', async () => {
    const database = await startProduct();
    const start = performance.now();
    const error = await rejection(
      database.transaction(
        async () => {
          await database.current.query(touch, [1]);
          await database.transaction(() => database.current.query(touch, [1]), requiresNew);
        },
        { name: 'checkout' },
      ),
    );
    expect(error).toBeInstanceOf(ChainDeadlockError);
    expect(error).toMatchObject({
      code: 'CHAIN_DEADLOCK',
      relation: expect.stringMatching(/product$/) as string,
      query: 'update product set stock = stock + ? where id = $1',
    });
    expect(error['ancestor']).toMatchObject({ transaction: 'checkout', clientName: 'default', level: 0 });
    expect(error.message).toMatch(/lock on "[\w.]*product"/);
    // Far from the bound of a test, and near the 100 ms after which it looks.
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(await server.sql('select stock from product')).toEqual([{ stock: 0 }]);
  });

  it('of a single statement in switchDbIsolate is named, and the outer transaction may go on', async () => {
    const database = await startProduct();
    await database.transaction(async () => {
      await database.current.query(touch, [1]);
      await expect(database.switchDbIsolate(() => database.current.query(touch, [1]))).rejects.toMatchObject({
        code: 'CHAIN_DEADLOCK',
      });
      await database.current.query(touch, [1]);
    });
    expect(await server.sql('select stock from product')).toEqual([{ stock: 2 }]);
    expect(database.stats().clients.default).toMatchObject({ used: 0 });
  });

  itWith('row locks')('is found through a transaction outside of the chain that stands between', async () => {
    const database = await startProduct();
    await insert(database, 2);
    const stranger = server.open({ max: 1 });
    const second = 'update product set stock = 0 where id = 1';
    const outerHasLocked = signal();
    // Somebody else, outside of the chain, locks row 2 and then waits for row 1.
    const between = outerHasLocked.promise.then(() =>
      stranger.transaction(async () => {
        await stranger.current.query('update product set stock = 0 where id = 2');
        await stranger.current.query(second);
      }),
    );
    const error = await rejection(
      database.transaction(
        async () => {
          await database.current.query(touch, [1]);
          outerHasLocked.fire();
          await until('the stranger waits', async () => (await server.running(second)) === 1);
          await database.transaction(() => database.current.query(touch, [2]), requiresNew);
        },
        { name: 'outermost' },
      ),
    );
    await between;
    expect(error).toMatchObject({ code: 'CHAIN_DEADLOCK' });
    expect(error['ancestor']).toMatchObject({ transaction: 'outermost' });
  });

  it('is found across two clients of one server', async () => {
    const client = (): ClientDefinition => server.client({ max: 1 });
    const database = createDatabase({ clients: { a: client(), b: client() }, defaultClient: 'a' });
    try {
      await server.sql('insert into product (id) values (1)');
      const [a, b] = [database.getDb({ clientName: 'a' }), database.getDb({ clientName: 'b' })];
      const error = await rejection(
        a.transaction.begin(async () => {
          await a.query(touch, [1]);
          await b.transaction.begin(() => b.query(touch, [1]));
        }),
      );
      expect(error).toMatchObject({ code: 'CHAIN_DEADLOCK' });
      expect(error['ancestor']).toMatchObject({ clientName: 'a' });
    } finally {
      await database.close();
    }
  });
});

describe('what is slow and not a deadlock', () => {
  itWith('row locks')('is left alone: a lock of a stranger', async () => {
    const database = await startProduct();
    const [locked, release] = [signal(), signal()];
    const stranger = database.transaction(async () => {
      await database.current.query(touch, [1]);
      locked.fire();
      await release.promise;
    });
    await locked.promise;
    const chain = database.transaction(async () => {
      await database.current.query('select 1');
      await database.transaction(() => database.current.query(touch, [1]), requiresNew);
    });
    await until('it was looked at twice', () => probes.filter(({ blockers }) => blockers > 0).length >= 2);
    release.fire();
    await Promise.all([stranger, chain]);
    expect(await server.sql('select stock from product')).toEqual([{ stock: 2 }]);
  });

  itWith('row locks')('is left alone: an ancestor that still works', async () => {
    const database = await startProduct();
    await insert(database, 2);
    const [locked, release] = [signal(), signal()];
    const other = server.open({ max: 1 });
    const stranger = other.transaction(async () => {
      await other.current.query(touch, [2]);
      locked.fire();
      await release.promise;
    });
    await locked.promise;
    await database.transaction(async () => {
      await database.current.query(touch, [1]);
      const busy = database.current.query(touch, [2]);
      // Nobody waits for this one yet, and the transaction that blocks it is busy.
      const inner = rejection(database.transaction(() => database.current.query(touch, [1]), requiresNew));
      await until('it was looked at twice', () => probes.filter(({ blockers }) => blockers > 0).length >= 2);
      release.fire();
      await Promise.all([busy, stranger]);
      expect(await inner).toMatchObject({ code: 'CHAIN_DEADLOCK' });
    });
  });

  itWith('several writers')('costs nothing while nothing is slow: no look and no side connection', async () => {
    const database = await startProduct({ clock: new SimulatedClock() });
    for (let round = 0; round < 50; round += 1) {
      await database.transaction(async () => {
        await database.current.query('select 1');
        await database.transaction(() => database.current.query(touch, [1]), requiresNew);
      });
    }
    expect(probes).toEqual([]);
    if (engine.lacks['application names'] === undefined) expect(await server.connections('sluice lock probe')).toBe(0);
  });

  itWith('several writers')('is looked at over a connection whose loss does not hold up close()', async () => {
    const proxy = await startTcpProxy(server.url);
    try {
      const database = server.open({ connectionString: proxy.url, max: 2 });
      await insert(database, 1);
      const chain = database.transaction(async () => {
        await database.current.query(touch, [1]);
        await database.transaction(() => database.current.query(touch, [1]), requiresNew);
      });
      expect(await rejection(chain)).toMatchObject({ code: 'CHAIN_DEADLOCK' });
      proxy.cut();
      await until('the loss is known', () => database.stats().clients.default.idle === 0);
      await database.close();
      expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 0, closing: 0 });
    } finally {
      await proxy.close();
    }
  });

  it('is not looked at with lockProbeAfter: false', async () => {
    const database = await startProduct({ lockProbeAfter: false });
    const error = await rejection(
      database.transaction(async () => {
        await database.current.query(touch, [1]);
        await database.transaction(() => database.current.query(touch, [1]), { ...requiresNew, timeout: 400 });
      }),
    );
    expect(error).toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    expect(probes).toEqual([]);
  });
});

describe('a server that hides its backends, as poolers do', () => {
  itWith('wire proxy')('is said to be one, once, and nothing is taken for a deadlock', async () => {
    const proxy = await startWireProxy(server.url);
    proxy.hideBackends();
    const warnings: Error[] = [];
    const keep = (warning: Error): void => void warnings.push(warning);
    process.on('warning', keep);
    subscribe(channelNames.lockProbe, note);
    probes.length = 0;
    try {
      const database = server.open({ connectionString: proxy.url, max: 2 });
      await insert(database, 1);
      const chain = database.transaction(async () => {
        await database.current.query(touch, [1]);
        await database.transaction(() => database.current.query(touch, [1]), { ...requiresNew, timeout: 500 });
      });
      expect(await rejection(chain)).toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
      expect(probes).toEqual([]);
      const told = warnings.filter((warning) => 'code' in warning && warning.code === 'SLUICE_LOCK_DETECTION_OFF');
      expect(told).toHaveLength(1);
      expect(told[0]?.message).toContain('timeout');
    } finally {
      process.off('warning', keep);
      await proxy.close();
    }
  });
});
