import { describe, expect, it } from 'vitest';
import { afterCommit, createDatabase, type Database, InvalidOptionError, statement } from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal } from '../support/settled.ts';

const server = useTestDatabase();

describe('the refusal of what comes after a failure', () => {
  itWith('failures doom')('has that failure for its cause', async () => {
    const database = server.open();
    await insert(database, 1);
    let failed: unknown;
    const error = await rejection(
      database.transaction(async () => {
        const first = await rejection(insert(database, 1));
        expect(first).toMatchObject(engine.errors.duplicate);
        expect(first.cause).toBeUndefined();
        for (let time = 0; time < 2; time += 1) {
          const next = await rejection(database.current.query('select id from product'));
          expect(next).toMatchObject({ code: '25P02' });
          expect(next.cause).toBe(first);
        }
        failed = first;
        throw first;
      }),
    );
    expect(error).toBe(failed);
  });

  itWith('failures doom')('has the latest one, where one before was rolled back to its savepoint', async () => {
    const database = server.open();
    await insert(database, 1);
    let failed: unknown;
    const error = await rejection(
      database.transaction(async () => {
        const nested = database.transaction(() => insert(database, 1), { propagation: 'NESTED' });
        expect(await rejection(nested)).toMatchObject(engine.errors.duplicate);
        const second = await rejection(database.current.query('select 1 / 0'));
        expect(second.cause).toBeUndefined();
        expect((await rejection(database.current.query('select 1'))).cause).toBe(second);
        failed = second;
        throw second;
      }),
    );
    expect(error).toBe(failed);
  });
});

describe('a value that no database has', () => {
  const values: Record<string, unknown> = {
    'a function': () => 1,
    'a class': Date,
    'a symbol': Symbol('x'),
    'a list with a function': [1, [() => 1]],
    'a list with a symbol': [Symbol('x')],
  };
  const text = 'insert into product (id) values ($1)';

  async function refused(database: Database<'default'>, run: () => Promise<unknown>): Promise<void> {
    const error = await rejection(run());
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error.message).toMatch(/for its value 1; it was not sent/);
    expect(database.stats().clients.default.used).toBe(0);
  }

  for (const [name, value] of Object.entries(values)) {
    it(`${name}: is refused before it is sent`, async () => {
      const database = server.open();
      await refused(database, () => database.current.query(text, [value]));
      await refused(database, () => database.transaction(() => database.current.query(text, [value])));
      await refused(database, () => database.current.batch([statement(text, [value])]));
      expect(await server.products()).toEqual([]);
    });
  }

  it('is none of those that there are', async () => {
    const database = server.open();
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    await database.current.query('insert into product (id, stock) values ($1, $2)', [1, null]).catch(() => undefined);
    await database.current.query(text, [2]);
    expect(await server.products()).toContain(2);
    // Whatever a driver makes of it, looking at it ends.
    await rejection(database.current.query(text, [cyclic]));
  });
});

describe('errors of transactions that are over', () => {
  it('name client and level: what comes too late', async () => {
    const database = createDatabase({ clients: { shop: server.client() } });
    const ended = signal();
    let late: Promise<Error> | undefined;
    await database.getDb({ clientName: 'shop', level: 2 }).transaction.begin(
      () => {
        late = ended.promise.then(() => rejection(database.getDb({ level: 2 }).query('select 1')));
      },
      { name: 'checkout' },
    );
    ended.fire();
    expect(await late).toMatchObject({ code: 'TRANSACTION_ENDED' });
    expect((await late)?.message).toContain('transaction "checkout" on client "shop" at level 2');
    await database.close();
  });

  it('name client and level: commit hooks that failed', async () => {
    const database = server.open();
    const error = await rejection(
      database.transaction(
        () =>
          afterCommit(() => {
            throw new Error('mail is down');
          }),
        { name: 'checkout' },
      ),
    );
    expect(error).toMatchObject({ code: 'AFTER_COMMIT' });
    expect(error.message).toContain('The transaction "checkout" on client "default" at level 0 is committed');
  });
});

describe('a refused statement', () => {
  it.each(['/* pay */ -- now\n COMMIT', '  commit', '/* two *//* comments */\n\tCommit -- not SELECT'])(
    'is named by its own first word, not by one of a comment: %s',
    async (text) => {
      const error = await rejection(server.open().current.query(text));
      expect(error).toMatchObject({
        code: 'TRANSACTION_CONTROL',
        message: expect.stringContaining('(COMMIT)') as string,
      });
    },
  );
});
