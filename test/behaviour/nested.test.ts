import { describe, expect, it } from 'vitest';
import {
  ScopeBlockedError,
  TransactionEndedError,
  type TransactionOptions,
  UnexpectedRollbackError,
} from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal } from '../support/settled.ts';

const server = useTestDatabase();
const nested = { propagation: 'NESTED' } as const;

describe('NESTED', () => {
  it('rolls back alone, and the outer transaction goes on', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await insert(database, 1);
      await rejection(
        database.transaction(async () => {
          await insert(database, 2);
          throw new Error('declined');
        }, nested),
      );
      await insert(database, 3);
    });
    expect(await server.products()).toEqual([1, 3]);
  });

  it('survives a failed statement, which without it would doom the transaction', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await insert(database, 1);
      const error = await rejection(database.transaction(() => insert(database, 1), nested));
      expect(error).toMatchObject(engine.errors.duplicate);
      await insert(database, 2);
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  itWith('failures doom')('a failed statement that its body swallows rolls it back and says so', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await insert(database, 1);
      const error = await rejection(
        database.transaction(async () => {
          await insert(database, 2);
          await rejection(insert(database, 1));
        }, nested),
      );
      expect(error).toBeInstanceOf(UnexpectedRollbackError);
      expect(error.cause).toMatchObject(engine.errors.duplicate);
      await insert(database, 3);
    });
    expect(await server.products()).toEqual([1, 3]);
  });

  it('setRollbackOnly rolls back the savepoint alone', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await insert(database, 1);
      await rejection(
        database.transaction(async () => {
          await insert(database, 2);
          database.current.transaction.active?.setRollbackOnly();
        }, nested),
      );
    });
    expect(await server.products()).toEqual([1]);
  });

  it('nests to any depth, inner ones going with their parent', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await rejection(
        database.transaction(async () => {
          await insert(database, 1);
          await database.transaction(() => insert(database, 2), nested);
          await database.transaction(async () => {}, nested);
          throw new Error('declined');
        }, nested),
      );
      await database.transaction(async () => {
        await database.transaction(async () => {
          await database.transaction(() => insert(database, 3), nested);
          await insert(database, 4);
        }, nested);
        await rejection(database.transaction(() => insert(database, 4), nested));
        await insert(database, 5);
      }, nested);
    });
    expect(await server.products()).toEqual([3, 4, 5]);
  });

  it('siblings in parallel run one after the other, and one that fails takes no work of the others', async () => {
    const database = server.open();
    let running = 0;
    let most = 0;
    await database.transaction(async () => {
      const results = await Promise.allSettled(
        [1, 2, 3, 4].map((id) =>
          database.transaction(async () => {
            running += 1;
            most = Math.max(most, running);
            await insert(database, id);
            await insert(database, id + 10);
            running -= 1;
            if (id === 2) throw new Error('declined');
          }, nested),
        ),
      );
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    });
    expect(most).toBe(1);
    expect(await server.products()).toEqual([1, 3, 4, 11, 13, 14]);
  });

  it('statements of the parent wait while a savepoint scope is open', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await insert(database, 1);
      const opened = signal();
      const scope = database.transaction(async () => {
        await insert(database, 2);
        opened.fire();
        await insert(database, 3);
        throw new Error('declined');
      }, nested);
      await opened.promise;
      await Promise.all([rejection(scope), insert(database, 4)]);
    });
    expect(await server.products()).toEqual([1, 4]);
  });

  it('uses names that are unique in the transaction', async () => {
    const database = server.open();
    const names: string[] = [];
    await database.transaction(async () => {
      database.current.transaction.observeSavepoints({ entered: (name) => names.push(name) });
      for (let index = 0; index < 3; index += 1) await database.transaction(async () => {}, nested);
    });
    expect(new Set(names).size).toBe(3);
  });
});

describe('a nested scope that waits for its own parent', () => {
  it('is named instead of hanging', async () => {
    const database = await server.connect({ acquireTimeout: 100 });
    await database.transaction(async () => {
      const opened = signal();
      // As a batching loader does: the statement is sent in the parent's frame, and the nested scope awaits it.
      const load = opened.promise.then(() => insert(database, 1));
      const error = await rejection(
        database.transaction(async () => {
          opened.fire();
          await load;
        }, nested),
      );
      expect(error).toBeInstanceOf(ScopeBlockedError);
      expect(error).toMatchObject({ code: 'SCOPE_BLOCKED', remedy: expect.stringContaining('parent') as string });
      await insert(database, 2);
    });
    expect(await server.products()).toEqual([2]);
  });

  /** Ways to wait for two calls of which one waits for the other. */
  const waits: Record<string, (scope: Promise<unknown>, statement: Promise<unknown>) => Promise<unknown>> = {
    'with the first failure': (...calls) => Promise.all(calls),
    'until both have ended': (...calls) => Promise.allSettled(calls),
    'for the statement alone': (_scope, statement) => statement.catch(() => {}),
  };
  for (const [name, wait] of Object.entries(waits)) {
    it(`ends its transaction where it goes on waiting, and the body waits ${name}`, async () => {
      const database = await server.connect({ acquireTimeout: 100, max: 1 });
      const gate = signal();
      let late: Promise<Error> | undefined;
      const again = signal();
      const error = await rejection(
        database.transaction(() => {
          const scope = database.transaction(async () => {
            await insert(database, 1);
            late = rejection(again.promise.then(() => insert(database, 3)));
            await gate.promise;
          }, nested);
          return wait(
            scope,
            insert(database, 2).then(() => gate.fire()),
          );
        }),
      );
      expect(error).toMatchObject({ code: 'SCOPE_BLOCKED' });
      again.fire();
      expect(await late).toMatchObject({ code: 'TRANSACTION_ENDED', cause: { code: 'SCOPE_BLOCKED' } });
      expect(database.stats().clients.default.used).toBe(0);
      await insert(database, 4);
      expect(await server.products()).toEqual([4]);
    });
  }

  it('ends its transaction from inside of another nested scope, and of one that joins', async () => {
    const database = await server.connect({ acquireTimeout: 100, max: 1 });
    for (const options of [nested, undefined]) {
      const gate = signal();
      const stuck = database.transaction(() =>
        database.transaction(
          () =>
            Promise.all([
              database.transaction(() => gate.promise, nested),
              insert(database, 1).then(() => gate.fire()),
            ]),
          options,
        ),
      );
      expect(await rejection(stuck)).toMatchObject({ code: 'SCOPE_BLOCKED' });
      expect(database.stats().clients.default.used).toBe(0);
    }
  });

  itWith('slow statements')('but one in which something happens may take its time', async () => {
    const database = await server.connect({ acquireTimeout: 1_000 });
    await database.transaction(async () => {
      const opened = signal();
      const scope = database.transaction(async () => {
        opened.fire();
        for (let index = 0; index < 3; index += 1) await database.current.query(engine.sql.sleep(0.4));
      }, nested);
      await opened.promise;
      await Promise.all([scope, insert(database, 1)]);
    });
    expect(await server.products()).toEqual([1]);
  });

  it('one that waits for its turn while the transaction is cancelled does not begin', async () => {
    const database = server.open();
    let began = false;
    let waiting: Promise<Error> | undefined;
    const release = signal();
    await rejection(
      database.transaction(
        async () => {
          const first = database.transaction(() => release.promise, nested);
          waiting = rejection(
            database.transaction(() => {
              began = true;
            }, nested),
          );
          await first;
        },
        { timeout: 50 },
      ),
    );
    release.fire();
    expect(await waiting).toBeInstanceOf(TransactionEndedError);
    expect(began).toBe(false);
  });
});

describe('work that outlives its scope', () => {
  it('a scope waits for what was issued before its body returned', async () => {
    const database = server.open();
    await database.transaction(async () => {
      void insert(database, 1);
      void database.transaction(async () => {
        await insert(database, 2);
        await insert(database, 3);
      });
      void database.transaction(() => insert(database, 4), nested);
    });
    expect(await server.products()).toEqual([1, 2, 3, 4]);
  });

  itWith('failures doom')('a failure of what was left running rolls everything back', async () => {
    const database = server.open();
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        void insert(database, 1).catch(() => {});
      }),
    );
    expect(error).toBeInstanceOf(UnexpectedRollbackError);
    expect(error.cause).toMatchObject(engine.errors.duplicate);
    expect(await server.products()).toEqual([]);
  });

  it.each(['the whole transaction', 'a joined scope', 'a nested scope'])(
    'a statement after the end of %s fails and is not run',
    async (which) => {
      const database = server.open();
      const ended = signal();
      let late: Promise<Error> | undefined;
      const body = async (): Promise<void> => {
        await insert(database, 1);
        late = ended.promise.then(() => rejection(insert(database, 2)));
      };
      await database.transaction(
        async () => {
          if (which === 'the whole transaction') return await body();
          await database.transaction(
            body,
            which === 'a nested scope' ? { ...nested, name: 'reserve' } : { name: 'reserve' },
          );
          ended.fire();
          await late;
          return undefined;
        },
        { name: 'checkout' },
      );
      ended.fire();
      const error = await late;
      expect(error).toBeInstanceOf(TransactionEndedError);
      expect(error).toMatchObject({ code: 'TRANSACTION_ENDED' });
      // Where the scope began, and where the statement was issued.
      expect(error?.message).toMatch(/nested\.test\.ts:\d+/);
      expect(error?.message).toContain('checkout');
      expect(error?.stack).toMatch(/nested\.test\.ts:\d+/);
      expect(await server.products()).toEqual([1]);
    },
  );

  it('a scope that comes after the end is refused; one of its own is not', async () => {
    const database = server.open();
    const ended = signal();
    let joining: Promise<Error[]> | undefined;
    let own: Promise<void> | undefined;
    await database.transaction(async () => {
      const joiners: (TransactionOptions | undefined)[] = [
        undefined,
        { propagation: 'NEVER' },
        { isolationLevel: 'SERIALIZABLE' },
        nested,
      ];
      joining = ended.promise.then(() =>
        Promise.all(joiners.map((options) => rejection(database.transaction(() => insert(database, 1), options)))),
      );
      own = ended.promise.then(() => database.transaction(() => insert(database, 2), { propagation: 'REQUIRES_NEW' }));
    });
    ended.fire();
    for (const error of (await joining) ?? []) expect(error).toBeInstanceOf(TransactionEndedError);
    await own;
    expect(await server.products()).toEqual([2]);
  });

  it('a hook that comes after the end is refused', async () => {
    const database = server.open();
    const ended = signal();
    let late: Promise<Error> | undefined;
    await database.transaction(async () => {
      late = ended.promise.then(() => rejection((async () => database.current.commit(() => {}))()));
    });
    ended.fire();
    expect(await late).toBeInstanceOf(TransactionEndedError);
  });

  it('a thenable that the body returns without awaiting it runs inside', async () => {
    const database = server.open();
    // A query builder starts when it is awaited.
    const builder: PromiseLike<boolean> = {
      // oxlint-disable-next-line unicorn/no-thenable
      then: (onFulfilled, onRejected) => Promise.resolve(database.current.inTransaction).then(onFulfilled, onRejected),
    };
    const inside = await database.transaction(() => builder);
    expect(inside).toBe(true);
  });
});
