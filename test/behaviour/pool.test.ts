import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  AcquireTimeoutError,
  ConnectError,
  createDatabase,
  type Database,
  DatabaseClosedError,
} from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();

describe('acquireTimeout', () => {
  it('fails with the client, level, budget and who holds the connections', async () => {
    const database = await server.connect({ max: 1, maxLevel: 0, acquireTimeout: 60 });
    const release = signal();
    const holder = database.transaction(
      async () => {
        await insert(database, 1);
        await release.promise;
      },
      { name: 'nightly report' },
    );
    await until('the connection is held', () => database.stats().clients.default.oldestHolder !== undefined);
    const error = await rejection(insert(database, 2));
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error).toMatchObject({ code: 'ACQUIRE_TIMEOUT' });
    expect(error.message).toMatch(
      /client "default" at level 0 .* within 60 ms \(budget 1; held by transaction "nightly report".*pool\.test\.ts:\d+/,
    );
    expect(error.message).toContain('acquireTimeout');
    release.fire();
    await holder;
  });

  it('a leaked scope is named, and by its timeout it is ended', async () => {
    const database = server.open({ max: 1, maxLevel: 0, acquireTimeout: 5_000 });
    const leaked = database.transaction(
      async () => {
        await insert(database, 1);
        await new Promise(() => {});
      },
      { name: 'leaked', timeout: 300 },
    );
    await until('the connection is held', () => database.stats().clients.default.oldestHolder !== undefined);
    expect(database.stats().clients.default.oldestHolder).toMatchObject({
      transaction: 'leaked',
      level: 0,
      openedAt: expect.stringMatching(/pool\.test\.ts:\d+/) as string,
    });
    await Promise.all([rejection(leaked), insert(database, 2)]);
    expect(await server.products()).toEqual([2]);
  });
});

describe('stats', () => {
  it('tell the budget, and what is used and waited for by level', async () => {
    const database = server.open({ max: 1, maxLevel: 1 });
    const release = signal();
    const running = [1, 2].map((id) =>
      database.transaction(async () => {
        await insert(database, id);
        await release.promise;
      }),
    );
    await until(
      'one waits',
      () => database.stats().clients.default.used === 1 && database.stats().clients.default.waiting === 1,
    );
    expect(database.stats()).toMatchObject({
      clients: {
        default: {
          budget: 2,
          max: 1,
          maxLevel: 1,
          used: 1,
          waiting: 1,
          levels: [
            { level: 0, used: 1, waiting: 1 },
            { level: 1, used: 0, waiting: 0 },
          ],
        },
      },
    });
    release.fire();
    await Promise.all(running);
    expect(database.stats().clients.default.oldestHolder).toBeUndefined();
  });

  itWith('sessions')(
    'hold neither the password nor values, and neither does the database when it is logged',
    async () => {
      const secret = new URL(server.url);
      secret.password = 'correct-horse';
      const definition = server.client({ connectionString: secret.href });
      const logged = createDatabase({ clients: { default: definition } });
      expect(inspect([logged, definition, logged.stats()], { depth: 10, showHidden: true })).not.toContain(
        'correct-horse',
      );
      await logged.close();
      const database = server.open();
      await database.transaction(async () => {
        await database.current.query('insert into product (id, name) values (1, $1)', ['hunter2']);
        expect(JSON.stringify(database.stats())).not.toContain('hunter2');
      });
    },
  );
});

describe('idle connections', () => {
  itWith('sessions')('are closed after idleTimeout', async () => {
    const database = server.open({ idleTimeout: 50, applicationName: 'idle' });
    await Promise.all([insert(database, 1), insert(database, 2)]);
    expect(await server.connections('idle')).toBeGreaterThan(0);
    await until('they are gone', async () => (await server.connections('idle')) === 0);
    await until('they are known to be gone', () => database.stats().clients.default.closing === 0);
    expect(database.stats().clients.default.idle).toBe(0);
    await insert(database, 3);
  });
});

describe('opening connections', () => {
  itWith('sessions')('a server that is down: a clear error at once, without the password', async () => {
    const database = server.open({ connectionString: nowhere() });
    const error = await rejection(insert(database, 1));
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', cause: engine.errors.refused });
    expect(error.message).toContain('127.0.0.1:1');
    expect(error.message).toContain('ECONNREFUSED');
    expect(String(error.stack) + JSON.stringify(error)).not.toContain('hunter2');
  });

  itWith('sessions')('an unknown database: the server’s reason is the cause', async () => {
    const url = new URL(server.url);
    url.pathname = '/no_such_database';
    const database = server.open({ connectionString: url.href });
    const error = await rejection(insert(database, 1));
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', cause: engine.errors.unknownDatabase });
    expect(error.message).toMatch(
      /\): (?:database "no_such_database" does not exist|Unknown database 'no_such_database')\. Create the database, or correct its name/,
    );
  });

  itWith('application names')('a server without room is asked again until acquireTimeout', async () => {
    const role = `sluice_narrow_${process.pid}`;
    await server.sql(`create role ${role} login connection limit 1 password 'narrow'`);
    const url = new URL(server.url);
    url.username = role;
    url.password = 'narrow';
    const open = (acquireTimeout: number): Database<'default'> =>
      server.open({ connectionString: url.href, max: 1, maxLevel: 0, acquireTimeout });
    const [first, second, third] = [open(5_000), open(200), open(10_000)];
    try {
      await first.current.query('select 1');
      // The last attempt and the end of the wait come at the same time.
      const codes = ['CONNECT_FAILED', 'ACQUIRE_TIMEOUT'];
      expect(codes).toContain((await rejection(second.current.query('select 1')))['code']);
      const waiting = third.current.query('select 1');
      await first.close();
      expect((await waiting).rowCount).toBe(1);
    } finally {
      await Promise.all([first.close(), second.close(), third.close()]);
      await server.sql(`drop role ${role}`);
    }
  });
});

describe('close', () => {
  itWith('several writers')(
    'lets running work end, its hooks and inner transactions too, and refuses new work',
    async () => {
      const database = server.open({ applicationName: 'closing', max: 1 });
      const proceed = signal();
      const running = database.transaction(async () => {
        await insert(database, 1);
        await proceed.promise;
        await database.transaction(() => insert(database, 2), { propagation: 'REQUIRES_NEW' });
        database.current.commit(() => database.transaction(() => insert(database, 3)));
      });
      await until('it runs', () => database.stats().clients.default.used === 1);
      const closed = database.close();
      for (const work of [() => insert(database, 4), () => database.transaction(async () => {})]) {
        const error = await rejection(work());
        expect(error).toBeInstanceOf(DatabaseClosedError);
        expect(error).toMatchObject({ code: 'DATABASE_CLOSED' });
      }
      proceed.fire();
      await Promise.all([running, closed]);
      expect(await server.products()).toEqual([1, 2, 3]);
      expect(await server.connections('closing')).toBe(0);
    },
  );

  itWith('slow statements')('ends what does not end within the timeout, and rolls it back', async () => {
    const database = server.open({ applicationName: 'impatient', max: 1 });
    const sleeping = rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await database.current.query(engine.sql.sleep(60));
      }),
    );
    const stuck = database.transaction(
      async () => {
        await insert(database, 2);
        await new Promise(() => {});
      },
      { propagation: 'REQUIRES_NEW' },
    );
    void stuck.catch(() => {});
    await until('it runs', () => database.stats().clients.default.used > 0);
    await database.close({ timeout: 50 });
    await sleeping;
    expect(await server.products()).toEqual([]);
    await until('no connection is left', async () => (await server.connections('impatient')) === 0);
  });

  it('refuses those who wait', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const forever = database.transaction(async () => {
      await insert(database, 1);
      await new Promise(() => {});
    });
    void forever.catch(() => {});
    await until('it runs', () => database.stats().clients.default.used === 1);
    const waiting = rejection(insert(database, 2));
    await database.close({ timeout: 20 });
    expect(await waiting).toBeInstanceOf(DatabaseClosedError);
  });

  it('may be called twice', async () => {
    const database = server.open();
    await insert(database, 1);
    await Promise.all([database.close(), database.close()]);
    await database.close();
  });

  it('a database that was never used closes', async () => {
    await server.open().close();
  });
});

/** Where no server is, with a password in it. */
function nowhere(): string {
  const { protocol } = new URL(server.url);
  return `${protocol}//shop:hunter2@127.0.0.1:1/shop`;
}
