import { afterEach, describe, expect, it } from 'vitest';
import type { ClientDefinition } from '../../src/index.ts';
import { createDatabase, type Database, LevelLimitError, PoolDeadlockError } from '../../src/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import type { ClientOptions } from '../support/engines/engine.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
const requiresNew = { propagation: 'REQUIRES_NEW' } as const;
const opened: Database<'a' | 'b'>[] = [];

function openTwo(options: ClientOptions = {}): Database<'a' | 'b'> {
  const client = (applicationName: string): ClientDefinition => server.client({ applicationName, max: 1, ...options });
  const database = createDatabase({ clients: { a: client('a'), b: client('b') }, defaultClient: 'a' });
  opened.push(database);
  return database;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 500 })));
});

describe('the level of a frame', () => {
  it('is 0 at the root of a chain', () => {
    expect(server.open().current.level).toBe(0);
  });

  it('rises above all that the chain holds, over all clients', async () => {
    const database = openTwo();
    const [a, b] = [database.getDb({ clientName: 'a' }), database.getDb({ clientName: 'b' })];
    const levels: number[] = [];
    await a.transaction.begin(async () => {
      levels.push(a.level, b.level);
      await b.transaction.begin(async () => {
        levels.push(a.level, b.level);
        await a.transaction.begin(async () => {
          levels.push(a.level, b.level);
        }, requiresNew);
      });
    });
    // Joined handles keep the level of their transaction.
    expect(levels).toEqual([0, 1, 0, 1, 2, 1]);
  });

  it('rises outside of a transaction too, above what the chain opened on another client since', async () => {
    const database = openTwo();
    const [a, b] = [database.getDb({ clientName: 'a' }), database.getDb({ clientName: 'b' })];
    const levels = await a.transaction.begin(() =>
      a.transaction.begin(
        async () => {
          const before = a.level;
          return await b.transaction.begin(() => [before, b.level, a.level]);
        },
        { propagation: 'NOT_SUPPORTED' },
      ),
    );
    expect(levels).toEqual([1, 1, 2]);
  });

  it('switchDbIsolate always goes one deeper, with a transaction or without', async () => {
    const database = server.open();
    const levels: number[] = [];
    await database.switchDbIsolate(async () => {
      levels.push(database.current.level);
      await database.transaction(async () => {
        levels.push(database.current.level);
        await database.switchDbIsolate(() => levels.push(database.current.level));
      });
    });
    expect(levels).toEqual([1, 1, 2]);
  });

  it('one that is passed explicitly is taken as it is', async () => {
    const database = server.open();
    await database.switchDb(
      async () => {
        expect(database.current.level).toBe(3);
        await database.transaction(() => {
          expect(database.current.level).toBe(3);
        });
      },
      { level: 3 },
    );
    expect(database.getDb({ level: 2 }).level).toBe(2);
  });

  it('a root transaction that nobody waits for starts at 0 again', async () => {
    const database = server.open();
    let detached: Promise<number> | undefined;
    await database.transaction(async () => {
      database.current.commit(() => {
        detached = database.transaction(() => database.current.level);
      });
    });
    expect(await detached).toBe(0);
  });
});

describe('a handle with a level', () => {
  it('joins what its chain has open at that level', async () => {
    const database = server.open();
    await rejection(
      database.transaction(async () => {
        const outer = database.getDb({ level: database.current.level });
        await database.transaction(() => outer.query('insert into product (id) values (1)'), requiresNew);
        throw new Error('declined');
      }),
    );
    expect(await server.products()).toEqual([]);
  });

  it('stands alone where nothing is open at its level', async () => {
    const database = server.open();
    await rejection(
      database.transaction(async () => {
        await database.getDb({ level: 1 }).query('insert into product (id) values (1)');
        throw new Error('declined');
      }),
    );
    expect(await server.products()).toEqual([1]);
  });
});

describe('a request at or below what its own chain holds', () => {
  it('never waits: it fails at once and names what the chain holds, and where it was taken', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const error = await database.transaction(
      async () => {
        await insert(database, 1);
        const level0 = database.getDb({ level: 0 });
        return await rejection(level0.transaction.begin(() => insert(database, 2), requiresNew));
      },
      { name: 'checkout' },
    );
    expect(error).toBeInstanceOf(PoolDeadlockError);
    expect(error).toMatchObject({
      code: 'POOL_DEADLOCK',
      chain: [{ transaction: 'checkout', level: 0, clientName: 'default' }],
    });
    expect(error.message).toContain('checkout');
    expect(error.message).toMatch(/levels\.test\.ts:\d+/);
    expect(error.message).toContain('REQUIRES_NEW');
  });

  itWith('several writers')('is served when a connection is free', async () => {
    const database = server.open({ max: 2, maxLevel: 0 });
    await database.transaction(async () => {
      await insert(database, 1);
      await database.getDb({ level: 0 }).transaction.begin(() => database.current.query('select 1'), requiresNew);
    });
    expect(await server.products()).toEqual([1]);
  });

  itWith('several writers')('counts what is held on other clients', async () => {
    const database = openTwo({ maxLevel: 0 });
    const held = signal();
    const [a, b] = [database.getDb({ clientName: 'a' }), database.getDb({ clientName: 'b' })];
    const other = b.transaction.begin(async () => {
      await b.query('select 1');
      await held.promise;
    });
    await until('b is in use', () => database.stats().clients.b.used === 1);
    const error = await a.transaction.begin(async () => {
      await a.query('select 1');
      return await rejection(database.getDb({ clientName: 'b', level: 0 }).query('select 1'));
    });
    expect(error).toBeInstanceOf(PoolDeadlockError);
    held.fire();
    await other;
  });

  itWith('several writers')(
    'names a transaction inside of its own, which came before its first statement',
    async () => {
      const database = openTwo();
      const held = signal();
      const [a, b] = [database.getDb({ clientName: 'a' }), database.getDb({ clientName: 'b' })];
      const other = a.transaction.begin(async () => {
        await a.query('select 1');
        await held.promise;
      });
      await until('a is in use', () => database.stats().clients.a.used === 1);
      const error = await a.transaction.begin(() =>
        b.transaction.begin(() => rejection(a.query('select 1')), { name: 'inner' }),
      );
      expect(error).toMatchObject({
        code: 'POOL_DEADLOCK',
        chain: [{ transaction: 'inner', level: 1, clientName: 'b' }],
        message: expect.stringContaining('while it has a transaction open at that level or deeper') as string,
      });
      held.fire();
      await other;
    },
  );

  it('does not count what siblings hold: they do not wait for this frame', async () => {
    const database = server.open({ max: 1, maxLevel: 1 });
    const opened = signal();
    await database.transaction(async () => {
      await Promise.all([
        database.transaction(async () => {
          await insert(database, 1);
          opened.fire();
        }, requiresNew),
        // The outer one's first statement, at level 0, while a sibling holds level 1: it may wait.
        opened.promise.then(() => insert(database, 2)),
      ]);
    });
    expect(await server.products()).toEqual([1, 2]);
  });
});

describe('deeper than maxLevel', () => {
  const deep = async (database: Database<'default'>, depth: number): Promise<void> => {
    await insert(database, depth);
    if (depth > 0) await database.transaction(() => deep(database, depth - 1), requiresNew);
  };

  itWith('several writers')('takes a free connection if there is one', async () => {
    const database = server.open({ max: 4, maxLevel: 1 });
    await database.transaction(() => deep(database, 3));
    expect(await server.products()).toEqual([0, 1, 2, 3]);
  });

  itWith('several writers')('otherwise fails at once with LevelLimitError, and never waits', async () => {
    const database = server.open({ max: 1, maxLevel: 1 });
    const error = await rejection(database.transaction(() => deep(database, 2)));
    expect(error).toBeInstanceOf(LevelLimitError);
    expect(error).toMatchObject({ code: 'LEVEL_LIMIT', remedy: expect.stringContaining('maxLevel') as string });
    expect(error['chain']).toHaveLength(2);
    expect(await server.products()).toEqual([]);
  });
});

describe('max 1', () => {
  itWith('several writers')(
    '200 concurrent chains of depth 4, with isolated reads, all end within the budget',
    async () => {
      // The connection that asks about locks is beside the budget.
      const database = server.open({ max: 1, applicationName: 'chains' }, { lockProbeAfter: false });
      const chain = async (id: number, depth: number): Promise<void> => {
        await insert(database, id * 10 + depth);
        await database.switchDbIsolate(() => database.current.query('select count(*) from product'));
        if (depth < 4) await database.transaction(() => chain(id, depth + 1), requiresNew);
      };
      let most = 0;
      let done = false;
      const sampler = (async () => {
        while (!done) most = Math.max(most, await server.connections('chains'));
      })();
      await Promise.all(Array.from({ length: 200 }, (_, id) => database.transaction(() => chain(id, 1))));
      done = true;
      await sampler;
      expect(await server.products()).toHaveLength(800);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(5);
    },
  );

  itWith('several writers')('two clients taken in opposite order by concurrent chains end', async () => {
    const database = openTwo();
    const [a, b] = [database.getDb({ clientName: 'a' }), database.getDb({ clientName: 'b' })];
    const take = (first: typeof a, second: typeof a, id: number): Promise<unknown> =>
      first.transaction.begin(async () => {
        await first.query('insert into product (id) values ($1)', [id]);
        await second.transaction.begin(() => second.query('insert into product (id) values ($1)', [id + 1_000]));
      });
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? take(a, b, index) : take(b, a, index))),
    );
    expect(await server.products()).toHaveLength(200);
  });

  it('the same with levels off deadlocks, and is named instead of hanging', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await database.transaction(() => insert(database, 2), requiresNew);
      }),
    );
    expect(error).toMatchObject({ code: 'LEVEL_LIMIT' });
  });
});

describe('several clients', () => {
  itWith('several writers')('an inner transaction on b does not hide the outer one on a', async () => {
    const database = openTwo();
    const b = database.getDb({ clientName: 'b' });
    await rejection(
      database.transaction(async () => {
        await b.transaction.begin(async () => {
          expect(database.current.clientName).toBe('a');
          expect(database.current.inTransaction).toBe(true);
          await database.current.query('insert into product (id) values (1)');
          await b.query('insert into product (id) values (2)');
        });
        throw new Error('declined');
      }),
    );
    expect(await server.products()).toEqual([2]);
  });

  it('switchDb makes another client the current one', async () => {
    const database = openTwo();
    await database.switchDb(
      async () => {
        expect(database.current.clientName).toBe('b');
        await database.current.query('insert into product (id) values (1)');
        expect(database.stats().clients).toMatchObject({ a: { idle: 0 }, b: { idle: 1 } });
      },
      { clientName: 'b' },
    );
    expect(database.current.clientName).toBe('a');
  });

  it('a commit and a rollback are each client’s own', async () => {
    const database = openTwo();
    const [a, b] = [database.getDb({ clientName: 'a' }), database.getDb({ clientName: 'b' })];
    await a.transaction.begin(async () => {
      await a.query('insert into product (id) values (1)');
      await rejection(
        b.transaction.begin(async () => {
          await b.query('insert into product (id) values (2)');
          throw new Error('declined');
        }),
      );
    });
    expect(await server.products()).toEqual([1]);
  });
});
