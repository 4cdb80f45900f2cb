import { describe, expect, it } from 'vitest';
import { runBare, runBareAtEnd } from '../../src/context/index.ts';
import { afterCommit, afterRollback, createContextCarrier, type Database, withContext } from '../../src/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { notedTime } from '../support/noted-time.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
const secret = 'a secret of the system';

/** A database that closes, since a transaction of it has not ended. */
async function closing(max = 2): Promise<{
  readonly database: Database<'default'>;
  readonly end: () => Promise<void>;
}> {
  const database = server.open({ max });
  const proceed = signal();
  const held = holding(database, proceed);
  await until('it holds a connection', () => database.stats().clients.default.used === 1);
  const closed = database.close({ timeout: 60_000 });
  return {
    database,
    async end() {
      proceed.fire();
      await Promise.all([held, closed]);
    },
  };
}

async function holding(database: Database<'default'>, proceed: ReturnType<typeof signal>): Promise<void> {
  await database.transaction(async () => {
    await database.query('select id from product');
    await proceed.promise;
  });
}

const read = async (database: Database<'default'>): Promise<unknown> => await database.query('select id from product');

describe('what begins after close() was called is refused', () => {
  const kinds: Record<string, (database: Database<'default'>) => Promise<unknown>> = {
    'a transaction in a call that came from outside': (database) =>
      createContextCarrier(database, { secret }).runWithContext({}, () => database.transaction(() => read(database))),
    'a statement in a call that came from outside': (database) =>
      createContextCarrier(database, { secret }).runWithContext({}, () => read(database)),
    'a transaction with values of a context': (database) =>
      withContext({ tenant: 'acme' }, () => database.transaction(() => read(database))),
    'a statement with values of a context': (database) => withContext({ tenant: 'acme' }, () => read(database)),
    'a transaction at a level': (database) =>
      database.switchDb(() => database.transaction(() => read(database)), { level: 1 }),
    'a statement in isolation': (database) => database.switchDbIsolate(() => read(database)),
    'what Sluice asks for itself': (database) => runBare(() => read(database)),
    'a hook outside of a transaction, in a call that came from outside': (database) =>
      createContextCarrier(database, { secret }).runWithContext(
        {},
        () =>
          new Promise((resolve) =>
            afterCommit(() => resolve(rejection(read(database)).then((error) => Promise.reject(error)))),
          ),
      ),
  };
  for (const [name, run] of Object.entries(kinds)) {
    it(name, async () => {
      const { database, end } = await closing();
      expect(await rejection(run(database))).toMatchObject({ code: 'DATABASE_CLOSED' });
      await end();
    });
  }

  it('also inside of a transaction of another database', async () => {
    const { database, end } = await closing();
    const other = server.open();
    const inside = other.transaction(() => rejection(read(database)));
    expect(await inside).toMatchObject({ code: 'DATABASE_CLOSED' });
    await end();
  });
});

describe('what had begun before close() was called is let end', () => {
  itWith('several writers')('the note of how work has ended', async () => {
    const { database, end } = await closing();
    expect(await runBareAtEnd(() => read(database))).toMatchObject({ rows: [] });
    await end();
  });

  itWith('several writers')('a call that came from outside', async () => {
    const database = server.open({ max: 2 });
    const [proceed, isHeld] = [signal(), signal()];
    const call = createContextCarrier(database, { secret }).runWithContext({}, async () => {
      await isHeld.promise;
      return await database.transaction(() => insert(database, 1));
    });
    const held = holding(database, proceed);
    await until('it holds a connection', () => database.stats().clients.default.used === 1);
    const closed = database.close({ timeout: 60_000 });
    isHeld.fire();
    await call;
    proceed.fire();
    await Promise.all([held, closed]);
    expect(await server.products()).toEqual([1]);
  });

  itWith('several writers')('a call that one of its own transactions waits for', async () => {
    const database = server.open({ max: 2 });
    const carrier = createContextCarrier(database, { secret });
    let closed: Promise<void> | undefined;
    const found = database.transaction(async () => {
      await read(database);
      closed = database.close({ timeout: 60_000 });
      const headers = carrier.injectContext(new Headers());
      return await carrier.runWithContext(headers, () => database.transaction(() => read(database)));
    });
    expect(await found).toMatchObject({ rows: [] });
    await closed;
  });

  it('a call that came from outside, with its transactions one after the other', async () => {
    const database = server.open({ max: 1 });
    let closed: Promise<void> | undefined;
    await createContextCarrier(database, { secret }).runWithContext({}, async () => {
      for (const id of [1, 2, 3]) {
        await database.transaction(async () => {
          await insert(database, id);
          closed ??= database.close({ timeout: 60_000 });
        });
      }
    });
    await closed;
    expect(await server.products()).toEqual([1, 2, 3]);
  });

  itWith('raised errors')('another attempt of a transaction, with what it opens beside itself', async () => {
    const database = server.open();
    let attempts = 0;
    let closed: Promise<void> | undefined;
    await database.transaction(
      async () => {
        attempts += 1;
        if (attempts === 1) {
          closed = database.close({ timeout: 60_000 });
          await database.query("do $$ begin raise exception using errcode = '40001'; end $$");
        }
        await database.transaction(() => insert(database, 1), { propagation: 'REQUIRES_NEW' });
      },
      { retry: { attempts: 2, delay: 1 } },
    );
    await closed;
    expect([attempts, await server.products()]).toEqual([2, [1]]);
  });
});

describe('when the timeout of close() is over', () => {
  it('a chain that goes on and on gets nothing more, and is waited for no longer', async () => {
    const { clock, waited } = notedTime();
    const database = server.open({ max: 2 }, { clock });
    const carrier = createContextCarrier(database, { secret });
    const isOver = signal();
    let ended = false;
    void isOver.promise.then(() => (ended = true));
    const goOn = (): Promise<unknown> =>
      carrier.runWithContext({}, async () => {
        const codes = new Set<unknown>();
        while (!ended) {
          const code = await database
            .transaction(() => read(database))
            .then(
              () => 'committed',
              (error: { code?: unknown }) => error.code,
            );
          codes.add(code);
          // The others, and timers, come between.
          await new Promise((resolve) => setImmediate(resolve));
        }
        return codes;
      });
    // As many that there is always one under way.
    const chains = [goOn(), goOn(), goOn(), goOn()];
    await until('they run', () => database.stats().clients.default.used > 0);
    await database.close({ timeout: 50 });
    isOver.fire();
    await Promise.all(chains);
    expect(waited()).toBe(false);
  });

  it('hooks that undo work get what they need', async () => {
    const database = server.open({ max: 2 });
    const stuck = database.transaction(async () => {
      afterRollback(async () => {
        await insert(database, 2);
        await database.transaction(async () => {
          await database.transaction(() => insert(database, 3));
          afterCommit(() => insert(database, 4));
        });
      });
      await insert(database, 1);
      await new Promise(() => {});
    });
    const ended = rejection(stuck);
    await until('it holds a connection', () => database.stats().clients.default.used === 1);
    await database.close({ timeout: 20 });
    expect(await ended).toMatchObject({ code: 'DATABASE_CLOSED' });
    expect(await server.products()).toEqual([2, 3, 4]);
  });
});
