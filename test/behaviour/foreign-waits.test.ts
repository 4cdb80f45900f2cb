import { exec } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type EventEmitter, once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { get as getTls } from 'node:https';
import { connect, type AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Redis } from 'ioredis';
import mysql from 'mysql2';
import pg from 'pg';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  afterCommit,
  allowForeignWaits,
  channelNames,
  ForeignWaitError,
  type ForeignWaitEvent,
  type IdleTransactionEvent,
} from '../../src/index.ts';
import { createCache } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue } from '../../src/queue/index.ts';
import { rolledBack } from '../../src/testing/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { redisUrl } from '../support/servers.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
let http: Server;
let port: number;
let events: ForeignWaitEvent[] = [];
const note = (event: unknown): void => void events.push(event as ForeignWaitEvent);

beforeAll(async () => {
  http = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  await once(http, 'listening');
  ({ port } = http.address() as AddressInfo);
});
afterAll(() => {
  http.closeAllConnections();
  http.close();
});
beforeEach(() => {
  events = [];
  subscribe(channelNames.foreignWait, note);
});
afterEach(() => {
  unsubscribe(channelNames.foreignWait, note);
});

/** What a program does that is answered, or refused, by another server: either is a call. */
function settled(emitter: Pick<EventEmitter, 'on'>, ...names: string[]): Promise<void> {
  return new Promise((resolve) => {
    for (const name of names) emitter.on(name, () => resolve());
  });
}

const ways: Record<string, () => Promise<unknown>> = {
  fetch: () => fetch(`http://127.0.0.1:${port}/path?secret=canary`).then((response) => response.text()),
  'http.get': () =>
    settled(
      get({ port, host: '127.0.0.1' }, (answer) => answer.resume()),
      'close',
    ),
  'https.get': () => settled(getTls({ port, host: '127.0.0.1' }), 'error'),
  'http2.connect': async () => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    await settled(session, 'connect', 'error');
    session.destroy();
  },
  'net.connect': async () => {
    const socket = connect(port, '127.0.0.1');
    await settled(socket, 'connect', 'error');
    socket.destroy();
  },
  'new Socket().connect': async () => {
    const socket = new Socket();
    socket.connect(port, '127.0.0.1');
    await settled(socket, 'connect', 'error');
    socket.destroy();
  },
  'tls.connect': () => settled(connectTls(port, '127.0.0.1'), 'error'),
  'child_process.exec': () => settled(exec('true'), 'exit'),
  ioredis: async () => {
    const redis = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
    redis.on('error', () => {});
    await redis.connect().catch(() => {});
    redis.disconnect();
  },
  redis: async () => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: false } });
    client.on('error', () => {});
    await client.connect().catch(() => {});
    if (client.isOpen) client.destroy();
  },
  'another pool of pg': async () => {
    const pool = new pg.Pool({ host: '127.0.0.1', port, max: 1 });
    await pool.query('select 1').catch(() => {});
    await pool.end();
  },
  mysql2: async () => {
    const connection = mysql.createConnection({ host: '127.0.0.1', port });
    await settled(connection, 'error');
    connection.destroy();
  },
};

describe('a transaction that holds a connection', () => {
  it.each(Object.entries(ways))('is named when it calls out: %s', async (_name, call) => {
    const database = server.open({}, { foreignWaits: 'warn' });
    await database.transaction(
      async () => {
        await insert(database, 1);
        await call();
      },
      { name: 'checkout' },
    );
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ transaction: 'checkout', clientName: 'default', level: 0 });
    expect(JSON.stringify(events)).not.toContain('canary');
  });

  it('is rolled back where it is forbidden, with the place', async () => {
    const database = server.open({}, { foreignWaits: 'error' });
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await settled(connect(port, '127.0.0.1'), 'close', 'connect');
      }),
    );
    expect(error).toBeInstanceOf(ForeignWaitError);
    expect((error as Error).message).toContain('foreign-waits.test.ts');
    expect(await server.products()).toEqual([]);
  });

  it('is warned of once for each place, whatever the transaction and the server are called', async () => {
    const database = server.open({}, { foreignWaits: 'warn' });
    const warnings: string[] = [];
    const noteWarning = (warning: Error & { code?: string }): void => {
      if (warning.code === 'SLUICE_FOREIGN_WAIT') warnings.push(warning.message);
    };
    process.on('warning', noteWarning);
    try {
      for (const [index, call] of [get, get, getTls].entries()) {
        const body = async (): Promise<void> => {
          await insert(database, index);
          await settled(call({ port, host: '127.0.0.1' }), 'error', 'response');
        };
        await database.transaction(body, { name: `order ${index}` });
      }
      await until('it is warned of', () => warnings.length > 0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(warnings).toEqual([
        expect.stringMatching(/"order 0" .* waits for GET http:\/\/127\.0\.0\.1:\d+ at .*foreign-waits\.test\.ts/),
      ]);
    } finally {
      process.off('warning', noteWarning);
    }
  });

  it('is not named for what is allowed, before it holds one, after it, and where nothing is watched', async () => {
    const call = ways['fetch'] ?? (() => Promise.reject(new Error('no such way')));
    const database = server.open({}, { foreignWaits: 'error' });
    await database.transaction(async () => {
      await call();
      await insert(database, 1);
      await allowForeignWaits(call);
      afterCommit(call);
    });
    await call();
    const off = server.open({}, { foreignWaits: 'off' });
    await off.transaction(async () => {
      await insert(off, 2);
      await call();
    });
    expect(events).toEqual([]);
    expect(await server.products()).toEqual([1, 2]);
  });

  it('is not named where it counts as none, around a test', async () => {
    const database = server.open({ max: 1 }, { foreignWaits: 'error' });
    const call = ways['net.connect'] ?? (() => Promise.reject(new Error('no such way')));
    await rolledBack(database, async () => {
      await insert(database, 1);
      await call();
      const error = await rejection(
        database.transaction(async () => {
          await insert(database, 2);
          await call();
        }),
      );
      expect(error).toBeInstanceOf(ForeignWaitError);
    }).catch(() => {});
    expect(events).toHaveLength(1);
  });

  it('is not named for the connections of queues and caches', async () => {
    const database = server.open({}, { foreignWaits: 'error' });
    const redis = new Redis(redisUrl, { lazyConnect: true });
    const queue = defineQueue<number>(`foreign_${process.pid}`);
    const jobs = createJobs(database, {
      queues: { queue },
      engine: bullmq({ connection: { host: new URL(redisUrl).hostname, port: Number(new URL(redisUrl).port) } }),
      relay: false,
    });
    const cache = createCache<number>(database, {
      name: `foreign_${process.pid}`,
      store: new RedisStore({ client: redis }),
    });
    try {
      await database.transaction(async () => {
        await insert(database, 1);
        await jobs.queues.queue.push(1, { when: 'now' });
        await cache.getOrSet('key', () => 1);
      });
      expect(events).toEqual([]);
    } finally {
      await jobs.obliterate();
      await jobs.close();
      redis.disconnect();
    }
  });

  itWith('several writers')('is not named for the connections of Sluice itself', async () => {
    const database = server.open({ max: 2 }, { foreignWaits: 'error' });
    await database.transaction(async () => {
      await insert(database, 1);
      await database.transaction(() => insert(database, 2), { propagation: 'REQUIRES_NEW' });
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  it('is in the history of its errors', async () => {
    const database = server.open({}, { foreignWaits: 'warn' });
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await ways['fetch']?.();
        await insert(database, 1);
      }),
    );
    const { history = [] } = error as { history?: readonly { event: string; text?: string }[] };
    expect(history.find(({ event }) => event === 'wait')?.text).toMatch(/^GET http:\/\/127\.0\.0\.1:\d+$/);
  });
});

describe('a transaction that holds a connection and sends nothing', () => {
  it('is told of once', async () => {
    const idle: IdleTransactionEvent[] = [];
    const noteIdle = (event: unknown): void => void idle.push(event as IdleTransactionEvent);
    subscribe(channelNames.idleTransaction, noteIdle);
    const database = server.open({}, { idleWarning: 20 });
    const go = signal();
    const running = database.transaction(
      async () => {
        await insert(database, 1);
        await go.promise;
      },
      { name: 'lazy' },
    );
    try {
      await until('it is told of', () => idle.length > 0);
      expect(idle[0]).toMatchObject({ transaction: 'lazy', clientName: 'default', level: 0 });
      expect(idle[0]?.idleFor).toBeGreaterThanOrEqual(20);
      const seen = performance.now();
      await until('it was looked at again', () => performance.now() - seen > 60);
      expect(idle).toHaveLength(1);
    } finally {
      go.fire();
      await running;
      unsubscribe(channelNames.idleTransaction, noteIdle);
    }
  });
});
