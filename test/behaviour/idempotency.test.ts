import { beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { type Database, withContext } from '../../src/index.ts';
import {
  createIdempotencyTables,
  forgetExpiredKeys,
  idempotencyTablesSql,
  idempotent,
  type IdempotentAnswer,
  type IdempotentOptions,
} from '../../src/ports/idempotency/index.ts';
import { rolledBack } from '../../src/testing/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
let database: Database<'default'>;
/** Has the keys in common with it, and nothing in this process. */
let elsewhere: Database<'default'>;

beforeEach(async () => {
  database = server.open({ max: 3 });
  elsewhere = server.open({ max: 3 });
  await createIdempotencyTables(database.current);
  await server.sql('delete from sluice_idempotency');
});

const order: IdempotentOptions<'default'> = { key: 'one', scope: 'order', fingerprint: 'a product' };

/** Inserts a product, and says which. */
function place(
  at: Database<'default'>,
  id: number,
  options: Partial<IdempotentOptions<'default'>> = {},
): Promise<IdempotentAnswer<{ readonly placed: number }>> {
  return idempotent(at, { ...order, ...options }, async () => {
    await insert(at, id);
    return { placed: id };
  });
}

/** A call that has its effect and does not end before it is told to. */
function held(
  at: Database<'default'>,
  options: Partial<IdempotentOptions<'default'>> = {},
): { readonly call: Promise<IdempotentAnswer<string>>; readonly begun: Promise<void>; end(error?: Error): void } {
  const [begun, ended] = [signal(), Promise.withResolvers<void>()];
  const call = idempotent(at, { ...order, ...options }, async () => {
    await insert(at, 1);
    begun.fire();
    await ended.promise;
    return 'held';
  });
  call.catch(() => {});
  return {
    call,
    begun: begun.promise,
    end: (error) => (error === undefined ? ended.resolve() : ended.reject(error)),
  };
}

const rows = async (): Promise<number> => (await server.sql('select id from sluice_idempotency')).length;

describe('a call', () => {
  it('takes effect once for its key, and gives its answer each time', async () => {
    expect(await place(database, 1)).toEqual({ value: { placed: 1 }, isReplayed: false });
    expect(await place(database, 2)).toEqual({ value: { placed: 1 }, isReplayed: true });
    expect(await place(elsewhere, 3)).toEqual({ value: { placed: 1 }, isReplayed: true });
    expect(await server.products()).toEqual([1]);
  });

  it('that fails leaves nothing, and may be made again', async () => {
    const failing = idempotent(database, order, async () => {
      await insert(database, 1);
      throw new Error('sold out');
    });
    expect(await rejection(failing)).toMatchObject({ message: 'sold out' });
    expect([await server.products(), await rows()]).toEqual([[], 0]);
    expect(await place(database, 2)).toMatchObject({ isReplayed: false });
  });

  it('with the key of another request is refused, and has no effect', async () => {
    await place(database, 1);
    for (const at of [database, elsewhere]) {
      expect(await rejection(place(at, 2, { fingerprint: 'another product' }))).toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        retryable: false,
        clientName: 'default',
        remedy: expect.stringContaining('a key of its own'),
      });
    }
    expect(await server.products()).toEqual([1]);
  });

  it('has a fingerprint of text or of bytes, which are the same', async () => {
    await place(database, 1);
    expect(await place(database, 2, { fingerprint: Buffer.from('a product') })).toMatchObject({ isReplayed: true });
  });

  it('is apart from those of other scopes, and of other tenants', async () => {
    await place(database, 1);
    await place(database, 2, { scope: 'refund' });
    await withContext({ tenant: 'acme' }, () => place(database, 3));
    await withContext({ tenant: 'other' }, () => place(database, 4));
    // What separates the parts cannot be written into one of them.
    await place(database, 5, { scope: 'order","one' });
    expect(await withContext({ tenant: 'acme' }, () => place(database, 6))).toMatchObject({ value: { placed: 3 } });
    expect(await server.products()).toEqual([1, 2, 3, 4, 5]);
  });

  it('gives what JSON makes of its result, the first time too', async () => {
    for (const [key, value, given] of [
      ['a', undefined, undefined],
      ['b', null, null],
      ['c', '', ''],
      ['d', { at: new Date(0), left: undefined }, { at: '1970-01-01T00:00:00.000Z' }],
      ['e', 'ä \0 😀 \uD800 "', 'ä \0 😀 \uD800 "'],
      ['f', [1, { deep: [true] }], [1, { deep: [true] }]],
    ] as const) {
      const first = await idempotent<unknown, 'default'>(database, { ...order, key }, () => value);
      const second = await idempotent<unknown, 'default'>(elsewhere, { ...order, key }, () => 'another');
      expect([first.value, second]).toEqual([given, { value: given, isReplayed: true }]);
    }
  });

  it('has the types that JSON makes of its result', async () => {
    const { value } = await idempotent(database, order, () => ({ at: new Date(0), n: 1 }));
    expectTypeOf(value).toEqualTypeOf<{ at: string; n: number }>();
    expect(value).toEqual({ at: '1970-01-01T00:00:00.000Z', n: 1 });
  });

  it('whose answer cannot be stored is rolled back', async () => {
    for (const [value, limit] of [
      ['x'.repeat(100), 101],
      [1n, 100],
      [() => {}, 100],
      [Symbol('x'), 100],
      [new Map([[1, 2]]), 100],
      [[1].values(), 100],
    ] as const) {
      const call = idempotent<unknown, 'default'>(database, { ...order, maxAnswerBytes: limit }, async () => {
        await insert(database, 1);
        return value;
      });
      expect(await rejection(call)).toMatchObject({ code: 'IDEMPOTENCY_ANSWER', retryable: false });
    }
    expect([await server.products(), await rows()]).toEqual([[], 0]);
    expect(await idempotent(database, { ...order, maxAnswerBytes: 102 }, () => 'x'.repeat(100))).toBeDefined();
  });

  it('whose hook fails after the commit has its answer stored', async () => {
    const call = idempotent(database, order, async () => {
      await insert(database, 1);
      database.current.afterCommit(() => Promise.reject(new Error('no mail')));
      return 'placed';
    });
    const besides = place(database, 2);
    expect(await rejection(call)).toMatchObject({
      code: 'AFTER_COMMIT',
      result: { value: 'placed', isReplayed: false },
    });
    expect([await besides, await place(elsewhere, 3)]).toEqual(
      Array.from({ length: 2 }, () => ({ value: 'placed', isReplayed: true })),
    );
  });

  it('without its table says what is to be done', async () => {
    await server.sql('drop table sluice_idempotency');
    for (const call of [() => place(database, 1), () => forgetExpiredKeys(database.current)]) {
      expect(await rejection(call())).toMatchObject({
        code: 'IDEMPOTENCY_TABLES_MISSING',
        remedy: expect.stringContaining('createIdempotencyTables(db)'),
      });
    }
    for (const statement of idempotencyTablesSql(database.current.dialect).split(';\n'))
      if (statement.trim() !== '') await server.sql(statement);
    expect(await place(database, 1)).toMatchObject({ isReplayed: false });
  });

  it('takes the client that it is told', async () => {
    expect(await place(database, 1, { clientName: 'default' })).toMatchObject({ isReplayed: false });
    expect(await rejection(place(database, 1, { clientName: 'reports' as 'default' }))).toMatchObject({
      code: 'UNKNOWN_CLIENT',
    });
  });
});

describe('a key', () => {
  const odd: readonly (readonly [string, unknown])[] = [
    ['none', undefined],
    ['null', null],
    ['an empty text', ''],
    ['a number', 7],
    ['a list', ['one']],
    ['256 characters', 'k'.repeat(256)],
    ['10 kB', 'k'.repeat(10_000)],
    ['a line break', 'a\nb'],
    ['NUL', 'a\0b'],
    ['half a character', 'a\uD800'],
  ];
  it.each(odd)('cannot be %s', async (_, key) => {
    let runs = 0;
    const call = idempotent(database, { ...order, key: key as string }, () => (runs += 1));
    const error = await rejection(call);
    expect(error).toMatchObject({ code: 'IDEMPOTENCY_KEY', retryable: false });
    if (typeof key === 'string' && key !== '') expect(error.message).not.toContain(key);
    expect([runs, await rows()]).toEqual([0, 0]);
  });

  it('may have 255 characters of any kind, and differs in case and blanks', async () => {
    const keys = ['😀'.repeat(127), 'k'.repeat(255), 'K', 'k', 'k ', ' k', "k' or '1'='1", 'ä', 'a'];
    for (const [at, key] of keys.entries()) {
      expect(await place(database, at + 1, { key })).toEqual({ value: { placed: at + 1 }, isReplayed: false });
      expect(await place(database, at + 1, { key })).toEqual({ value: { placed: at + 1 }, isReplayed: true });
    }
  });
});

describe('a second call', () => {
  it.each(['this process', 'another one'])('waits for the first in %s, and gets its answer', async (where) => {
    if (where !== 'this process' && engine.lacks['several writers'] !== undefined) return;
    const first = held(database);
    await first.begun;
    let isOver = false;
    const second = place(where === 'this process' ? database : elsewhere, 2).finally(() => {
      isOver = true;
    });
    // Other calls go on.
    if (engine.lacks['several writers'] === undefined) await place(database, 3, { key: 'another' });
    expect(isOver).toBe(false);
    first.end();
    expect(await first.call).toEqual({ value: 'held', isReplayed: false });
    expect(await second).toEqual({ value: 'held', isReplayed: true });
  });

  it.each(['this process', 'another one'])('runs where the first in %s has failed', async (where) => {
    if (where !== 'this process' && engine.lacks['several writers'] !== undefined) return;
    const first = held(database);
    await first.begun;
    const second = place(where === 'this process' ? database : elsewhere, 2);
    first.end(new Error('sold out'));
    expect(await rejection(first.call)).toMatchObject({ message: 'sold out' });
    expect(await second).toEqual({ value: { placed: 2 }, isReplayed: false });
    expect(await server.products()).toEqual([2]);
  });

  it.each(['this process', 'another one'])('waits no longer than its time for one in %s', async (where) => {
    if (where !== 'this process' && engine.lacks['several writers'] !== undefined) return;
    const first = held(database);
    await first.begun;
    const at = where === 'this process' ? database : elsewhere;
    const begunAt = performance.now();
    expect(await rejection(place(at, 2, { timeout: 150 }))).toMatchObject({
      code: 'IDEMPOTENCY_IN_PROGRESS',
      retryable: true,
      message: expect.stringContaining('150 ms'),
    });
    expect(performance.now() - begunAt).toBeLessThan(5_000);
    const aborted = AbortSignal.timeout(50);
    expect(await rejection(place(at, 2, { transaction: { signal: aborted } }))).toMatchObject({ name: 'TimeoutError' });
    const late = withContext({ timeout: 100 }, () => place(at, 2));
    expect(await rejection(late)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    first.end();
    expect(await first.call).toMatchObject({ isReplayed: false });
    expect(await place(at, 2)).toMatchObject({ isReplayed: true });
  });

  it('may take as long as it likes once it has its key', async () => {
    const first = held(database, { timeout: 50 });
    await first.begun;
    await new Promise((resolve) => setTimeout(resolve, 150));
    first.end();
    expect(await first.call).toMatchObject({ isReplayed: false });
  });

  it.each([1, 2])('needs no connection to wait: fifty at once on a pool of %i', async (max) => {
    const small = server.open({ max, maxLevel: 0 });
    let running = 0;
    const calls = Array.from({ length: 50 }, (_, at) =>
      idempotent(small, order, async () => {
        running += 1;
        // Others have the pool to themselves, as far as it is not the first one's.
        await new Promise((resolve) => setTimeout(resolve, 50));
        await insert(small, at);
        return { at };
      }),
    );
    const others = max === 1 ? [] : [small.query('select 1')];
    const answers = await Promise.all(calls);
    await Promise.all(others);
    expect(running).toBe(1);
    expect(answers.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1);
    expect(new Set(answers.map(({ value }) => JSON.stringify(value))).size).toBe(1);
  });

  itWith('several writers')('of many in one process one waits for another process, with one connection', async () => {
    const first = held(elsewhere);
    await first.begun;
    const many = await server.connect({ max: 5 });
    const calls = Array.from({ length: 20 }, (_, at) => place(many, at + 2));
    await until('one has a connection', () => many.stats().clients.default.used > 0);
    const { used, waiting } = many.stats().clients.default;
    first.end();
    const answers = await Promise.all([first.call, ...calls]);
    expect([used, waiting]).toEqual([1, 0]);
    expect(new Set(answers.map(({ value }) => JSON.stringify(value)))).toEqual(new Set(['"held"']));
  });

  it('of many in several processes, at any isolation, gets the answer of one', { timeout: 60_000 }, async () => {
    const processes = [database, elsewhere, server.open({ max: 2 }), server.open({ max: 1 })];
    for (const isolationLevel of ['DEFAULT', 'READ_COMMITTED', 'REPEATABLE_READ', 'SERIALIZABLE'] as const) {
      for (let round = 0; round < 5; round += 1) {
        const key = `${isolationLevel} ${round}`;
        let runs = 0;
        // The first one that gets the key fails, so that those who wait for it have to agree on the next.
        const calls = processes.flatMap((at) =>
          Array.from({ length: 3 }, async () => {
            const call = (): Promise<IdempotentAnswer<string>> =>
              idempotent(at, { ...order, key, transaction: { isolationLevel } }, async () => {
                runs += 1;
                if (runs === 1) throw new Error('the first');
                await at.query('insert into product (id) values ($1)', [round]);
                return `${runs}`;
              });
            return await call().catch((error: unknown) => {
              if ((error as Error).message === 'the first') return call();
              throw error;
            });
          }),
        );
        const answers = await Promise.all(calls);
        expect([runs, new Set(answers.map(({ value }) => value))]).toEqual([2, new Set(['2'])]);
        expect(await server.products()).toEqual([round]);
        await server.sql('delete from product');
      }
    }
  });
});

describe('in a transaction that is open', () => {
  it('the key and the answer commit with it', async () => {
    await database.transaction(async () => {
      expect(await place(database, 1)).toEqual({ value: { placed: 1 }, isReplayed: false });
      expect(await place(database, 2)).toEqual({ value: { placed: 1 }, isReplayed: true });
      expect(await rows()).toBe(0);
    });
    expect(await place(elsewhere, 3)).toMatchObject({ value: { placed: 1 }, isReplayed: true });
  });

  it('they roll back with it', async () => {
    const outer = database.transaction(async () => {
      await place(database, 1);
      throw new Error('sold out');
    });
    expect(await rejection(outer)).toMatchObject({ message: 'sold out' });
    expect(await place(database, 2)).toMatchObject({ isReplayed: false });
  });

  it('a refusal does not end it', async () => {
    await place(database, 1);
    await database.transaction(async () => {
      await insert(database, 2);
      expect(await rejection(place(database, 3, { fingerprint: 'another' }))).toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
      });
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  it('a call that fails in a savepoint leaves it, and may be made again', async () => {
    const transaction = { propagation: 'NESTED' } as const;
    await database.transaction(async () => {
      const failing = idempotent(database, { ...order, transaction }, async () => {
        await insert(database, 1);
        throw new Error('sold out');
      });
      expect(await rejection(failing)).toMatchObject({ message: 'sold out' });
      expect(await place(database, 2, { transaction })).toMatchObject({ isReplayed: false });
    });
    expect(await server.products()).toEqual([2]);
  });

  itWith('several writers')('of its own a call stays where the one around it fails', async () => {
    const outer = database.transaction(async () => {
      await insert(database, 1);
      await place(database, 2, { transaction: { propagation: 'REQUIRES_NEW' } });
      throw new Error('sold out');
    });
    expect(await rejection(outer)).toMatchObject({ message: 'sold out' });
    expect(await place(elsewhere, 3)).toMatchObject({ value: { placed: 2 }, isReplayed: true });
    expect(await server.products()).toEqual([2]);
  });

  it('a call within one of the same key is refused, and not waited for', async () => {
    const call = idempotent(database, order, async () => {
      await insert(database, 1);
      expect(await rejection(place(database, 2))).toMatchObject({
        code: 'IDEMPOTENCY_IN_PROGRESS',
        retryable: false,
      });
      return 'placed';
    });
    expect(await call).toMatchObject({ value: 'placed' });
  });

  const itself = {
    code: 'IDEMPOTENCY_IN_PROGRESS',
    retryable: false,
    message: expect.stringContaining(
      'inside of the transaction that has its key, for whose end it would wait',
    ) as string,
    remedy: 'Give each call a key of its own, or make this one without REQUIRES_NEW, or after the commit',
  };
  const requiresNew = { timeout: 1_000, transaction: { propagation: 'REQUIRES_NEW' } } as const;

  it('a call with REQUIRES_NEW within one of the same key is refused at once, also further in', async () => {
    const call = idempotent(database, order, async () => {
      expect(await rejection(place(database, 2, requiresNew))).toMatchObject(itself);
      const nested = database.transaction(() => place(database, 2, requiresNew), { propagation: 'NESTED' });
      expect(await rejection(nested)).toMatchObject(itself);
      return 'placed';
    });
    expect(await call).toMatchObject({ value: 'placed' });
  });

  it('a call with REQUIRES_NEW is refused at once where the transaction around has its key, and not after it', async () => {
    await database.transaction(async () => {
      await place(database, 1);
      expect(await rejection(place(database, 2, requiresNew))).toMatchObject(itself);
      database.current.afterCommit(async () => {
        expect(await place(database, 3, requiresNew)).toMatchObject({ value: { placed: 1 }, isReplayed: true });
      });
    });
    expect(await server.products()).toEqual([1]);
  });

  it('a call with REQUIRES_NEW is refused at once where a savepoint has the key that is released, and not undone', async () => {
    const nested = (fails: boolean): Promise<unknown> =>
      database.transaction(
        async () => {
          await place(database, fails ? 9 : 1, { key: String(fails), transaction: { propagation: 'NESTED' } });
          if (fails) throw new Error('sold out');
        },
        { propagation: 'NESTED' },
      );
    await database.transaction(async () => {
      await nested(false);
      expect(await rejection(place(database, 2, { ...requiresNew, key: 'false' }))).toMatchObject(itself);
      expect(await rejection(nested(true))).toMatchObject({ message: 'sold out' });
      const again = place(database, 3, { key: 'true', transaction: { propagation: 'NESTED' } });
      expect(await again).toMatchObject({ isReplayed: false });
    });
    expect(await server.products()).toEqual([1, 3]);
  });

  itWith('several writers')('a call with REQUIRES_NEW takes a key that was given back with its savepoint', async () => {
    await database.transaction(async () => {
      const nested = database.transaction(
        async () => {
          await place(database, 1, { transaction: { propagation: 'NESTED' } });
          throw new Error('sold out');
        },
        { propagation: 'NESTED' },
      );
      expect(await rejection(nested)).toMatchObject({ message: 'sold out' });
      expect(await place(database, 2, requiresNew)).toMatchObject({ isReplayed: false });
    });
    expect(await server.products()).toEqual([2]);
  });

  itWith('several writers')(
    'a call with REQUIRES_NEW is refused at once in a transaction of its own in between',
    async () => {
      const call = idempotent(database, order, () =>
        database.transaction(async () => await rejection(place(database, 2, requiresNew)).then(({ code }) => code), {
          propagation: 'REQUIRES_NEW',
        }),
      );
      expect(await call).toMatchObject({ value: 'IDEMPOTENCY_IN_PROGRESS' });
    },
  );

  it('of a test that is rolled back it is kept as long as that', async () => {
    await rolledBack(database, async () => {
      expect(await place(database, 1)).toMatchObject({ isReplayed: false });
      expect(await place(database, 2)).toMatchObject({ isReplayed: true });
      const both = await Promise.all([place(database, 3, { key: 'two' }), place(database, 4, { key: 'two' })]);
      expect(both.map(({ isReplayed }) => isReplayed)).toEqual([false, true]);
    });
    expect(await rows()).toBe(0);
  });
});

describe('a key that has expired', () => {
  const expire = (): Promise<unknown> =>
    server.sql(`update sluice_idempotency set expires_at = ${engine.sql.twoDaysAgo}`);

  it('is used anew, for another request too, and once by all who come together', async () => {
    await place(database, 1);
    await expire();
    const again = { fingerprint: 'another product' };
    const processes = [database, elsewhere, server.open({ max: 2 })];
    const answers = await Promise.all(
      processes.flatMap((at, index) => [place(at, 2 + index, again), place(at, 2 + index, again)]),
    );
    expect(answers.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1);
    expect(new Set(answers.map(({ value }) => value.placed)).size).toBe(1);
    expect(await server.products()).toHaveLength(2);
  });

  it('expires after its time', async () => {
    await place(database, 1, { ttl: 50 });
    await until(
      'it may be used anew',
      async () => (await place(database, 2).catch(() => undefined))?.value.placed === 2,
    );
  });

  it('is forgotten, as many at once as is asked for, and no other', async () => {
    for (let at = 0; at < 5; at += 1) await place(database, at, { key: String(at) });
    expect(await forgetExpiredKeys(database.current)).toBe(0);
    await expire();
    await place(database, 10, { key: 'fresh' });
    expect(await forgetExpiredKeys(database.current, { limit: 2 })).toBe(2);
    expect(await forgetExpiredKeys(database.current)).toBe(3);
    expect(await rows()).toBe(1);
    expect(await place(database, 11, { key: 'fresh' })).toMatchObject({ isReplayed: true });
  });

  itWith('row locks')('is not forgotten, nor waited for, where a call uses it anew', async () => {
    await place(database, 2);
    await expire();
    const again = held(database);
    await again.begun;
    expect(await forgetExpiredKeys(elsewhere.current)).toBe(0);
    again.end();
    await again.call;
    expect(await place(elsewhere, 3)).toMatchObject({ value: 'held', isReplayed: true });
  });
});
