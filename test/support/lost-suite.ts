import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { afterCommit, afterRollback, type Database } from '../../src/index.ts';
import type { Engine, TestServer } from './engines/engine.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { loseConnections } from './loss.ts';
import { rejection, until } from './settled.ts';

export interface LostSuite {
  readonly engine: Engine;
  readonly open: (url: string) => Database<'default'>;
}

/** A connection that is lost: before its COMMIT was sent, or while it lay idle. */
export function lostSuite({ engine, open }: LostSuite): void {
  const server: TestServer = engine.server();
  let proxy: FaultProxy;
  let database: Database<'default'>;
  let lastId = 0;

  beforeAll(async () => {
    await server.start();
    proxy = await startFaultProxy(server.url);
    database = open(proxy.url);
  });
  afterAll(async () => {
    await database.close({ timeout: 1_000 });
    await proxy.close();
    await server.drop();
  });

  const write = (last = false): Promise<unknown> => {
    lastId += 1;
    return database.current.query('insert into product (id) values ($1)', [lastId], { last });
  };
  const isThere = async (id: number): Promise<boolean> =>
    (await server.sql('select id from product where id = $1', [id])).length === 1;

  /** A connection lies idle, and dies when the next byte comes back on it. */
  async function dyingConnection(): Promise<void> {
    proxy.set('down', undefined);
    // What is sent again is prepared, as most is.
    for (let times = 0; times < 3; times += 1) {
      await database.transaction(() => write());
      await write();
      await database.current.query('select id from product where id = 0');
    }
    expect(database.stats().clients.default).toMatchObject({ idle: 1, used: 0 });
    proxy.set('down', { type: 'cut', after: 0 });
  }

  const cut = (): Promise<void> => loseConnections(() => proxy.cut());

  describe(`a lost connection (${engine.name})`, () => {
    it('before COMMIT was sent: rolled back, and compensations run', async () => {
      const seen: string[] = [];
      const error = await rejection(
        database.transaction(async () => {
          afterCommit(() => seen.push('commit'));
          afterRollback(() => seen.push('compensate'));
          database.current.afterCompletion((outcome) => seen.push(outcome));
          await write();
          await cut();
        }),
      );
      expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
      expect(seen).toEqual(['compensate', 'rolledBack']);
      expect(await isThere(lastId)).toBe(false);
    });

    it('that had lain idle: BEGIN and the first statement are sent once more, unseen', async () => {
      await dyingConnection();
      const seen: string[] = [];
      let bodies = 0;
      await database.transaction(async () => {
        bodies += 1;
        database.current.afterCompletion((outcome) => seen.push(outcome));
        await write();
      });
      expect([bodies, seen]).toEqual([1, ['committed']]);
      expect(await isThere(lastId)).toBe(true);
    });

    it('that had lain idle: not where COMMIT was among what was sent', async () => {
      await dyingConnection();
      const error = await rejection(database.transaction(() => write(true)));
      expect(error).toMatchObject({ code: 'COMMIT_UNKNOWN' });
      // It was committed, once.
      await until('it is there', () => isThere(lastId));
    });

    it('that had lain idle: a read is sent once more, and a write is not', async () => {
      await dyingConnection();
      const { rows } = await database.current.query('select id from product where id = 0');
      expect(rows).toEqual([]);
      await dyingConnection();
      expect(await rejection(write())).toMatchObject({ code: 'CONNECTION_LOST' });
    });

    it('and no other can be had: that is told, once', async () => {
      await dyingConnection();
      proxy.refuse(true);
      const error = await rejection(database.transaction(() => write()));
      proxy.refuse(false);
      expect(error).toMatchObject({ code: 'CONNECT_FAILED' });
      await database.transaction(() => write());
    });
  });
}
