import { describe, expect, it } from 'vitest';
import {
  IncompatibleTransactionError,
  isTransactionActive,
  setRollbackOnly,
  type TransactionOptions,
  UnexpectedRollbackError,
} from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();

describe('joining with options that the running transaction does not meet', () => {
  const running: TransactionOptions = { isolationLevel: 'REPEATABLE_READ', readOnly: true, timeout: 5_000 };

  const refused: [string, TransactionOptions][] = [
    ['a stronger isolation', { isolationLevel: 'SERIALIZABLE' }],
    ['writing in a read-only one', { readOnly: false }],
    ['another timeout', { timeout: 4_000 }],
    ['a signal of its own', { signal: new AbortController().signal }],
    ['a stronger isolation, nested', { isolationLevel: 'SERIALIZABLE', propagation: 'NESTED' }],
    ['a stronger isolation, mandatory', { isolationLevel: 'SERIALIZABLE', propagation: 'MANDATORY' }],
  ];
  // Where there is one level it is the strongest.
  const isPossible = ([name]: (typeof refused)[number]): boolean =>
    engine.lacks['weaker isolation'] === undefined || !name.includes('isolation');
  it.each(refused.filter(isPossible))('%s is an error, and does not mark the outer one', async (_, options) => {
    const database = server.open();
    await database.transaction(async () => {
      const error = await rejection(database.transaction(async () => {}, options));
      expect(error).toBeInstanceOf(IncompatibleTransactionError);
      expect(error).toMatchObject({
        code: 'INCOMPATIBLE_TRANSACTION',
        remedy: expect.stringContaining('REQUIRES_NEW') as string,
      });
    }, running);
  });

  it.each<[string, TransactionOptions]>([
    ['a weaker isolation', { isolationLevel: 'READ COMMITTED' }],
    ['the same isolation', { isolationLevel: 'REPEATABLE_READ' }],
    ...(engine.name === 'mariadb'
      ? []
      : [['the same under another name', { isolationLevel: 'SNAPSHOT' }] as [string, TransactionOptions]]),
    ['DEFAULT', { isolationLevel: 'DEFAULT' }],
    ['reading', { readOnly: true }],
    ['the same timeout', { timeout: 5_000 }],
    ['a name', { name: 'inner' }],
    ['a retry, which is its beginner’s affair', { retry: { attempts: 3 } }],
  ])('%s joins', async (_, options) => {
    const database = server.open();
    expect(await database.transaction(() => database.transaction(() => isTransactionActive(), options), running)).toBe(
      true,
    );
  });

  it('a scope that only reads joins a transaction that writes', async () => {
    const database = server.open();
    await database.transaction(() => database.transaction(() => insert(database, 1), { readOnly: true }));
    expect(await server.products()).toEqual([1]);
  });

  itWith('weaker isolation')('the server’s own default counts as what it is', async () => {
    const database = server.open();
    await database.transaction(async () => {
      // Until a connection was opened nobody has asked the server.
      await insert(database, 1);
      const given = engine.name === 'mariadb' ? 'REPEATABLE_READ' : 'READ_COMMITTED';
      await database.transaction(async () => {}, { isolationLevel: given });
      const more = engine.name === 'mariadb' ? 'SERIALIZABLE' : 'REPEATABLE_READ';
      const error = await rejection(database.transaction(async () => {}, { isolationLevel: more }));
      expect(error).toBeInstanceOf(IncompatibleTransactionError);
    });
  });
});

describe('rollback-only', () => {
  it('setRollbackOnly rolls back on purpose, and the call says so', async () => {
    const database = server.open();
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await database.transaction(() => setRollbackOnly());
        await insert(database, 2);
      }),
    );
    expect(error).toBeInstanceOf(UnexpectedRollbackError);
    expect(error.cause).toBeUndefined();
    expect(await server.products()).toEqual([]);
  });

  it('setRollbackOnly without a transaction is an error', async () => {
    expect(() => setRollbackOnly()).toThrow(expect.objectContaining({ code: 'TRANSACTION_REQUIRED' }));
  });

  it('an inner scope that throws what rollbackOn lets pass does not mark it', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await insert(database, 1);
      await rejection(
        database.transaction(
          async () => {
            await insert(database, 2);
            throw new TypeError('known');
          },
          { rollbackOn: (error) => !(error instanceof TypeError) },
        ),
      );
    });
    expect(await server.products()).toEqual([1, 2]);
  });
});

describe('rollbackOn', () => {
  it.each([true, false])('gives no promise: one of %s is refused, and all is rolled back', async (answer) => {
    const database = server.open();
    const rollbackOn = (() => Promise.resolve(answer)) as unknown as () => boolean;
    const body = async (): Promise<void> => {
      await insert(database, 1);
      throw new RangeError('sold out');
    };
    expect(await rejection(database.transaction(body, { rollbackOn }))).toMatchObject({
      code: 'INVALID_OPTION',
      cause: { message: 'sold out' },
    });
    expect(await server.products()).toEqual([]);
  });

  it('that throws has the error of the body for its cause', async () => {
    const database = server.open();
    const rollbackOn = (): boolean => {
      throw new TypeError('misjudged');
    };
    const body = (): never => {
      throw new RangeError('sold out');
    };
    expect(await rejection(database.transaction(body, { rollbackOn }))).toMatchObject({
      message: 'misjudged',
      cause: { message: 'sold out' },
    });
  });

  const options: TransactionOptions = { rollbackOn: (error) => error instanceof RangeError };

  it('by default every thrown error rolls back', async () => {
    const database = server.open();
    await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        throw new TypeError('known');
      }),
    );
    expect(await server.products()).toEqual([]);
  });

  it('commits and throws the error all the same when it says no', async () => {
    const database = server.open();
    const seen: string[] = [];
    const thrown = new TypeError('known');
    const error = await rejection(
      database.transaction(async () => {
        database.current.commit(() => seen.push('commit'));
        await insert(database, 1);
        throw thrown;
      }, options),
    );
    expect(error).toBe(thrown);
    expect(seen).toEqual(['commit']);
    expect(await server.products()).toEqual([1]);
  });

  it('rolls back when it says yes', async () => {
    const database = server.open();
    await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        throw new RangeError('bad');
      }, options),
    );
    expect(await server.products()).toEqual([]);
  });

  it('holds for savepoints too', async () => {
    const database = server.open();
    await database.transaction(async () => {
      for (const [id, thrown] of [
        [1, new TypeError('known')],
        [2, new RangeError('bad')],
      ] as const) {
        await rejection(
          database.transaction(
            async () => {
              await insert(database, id);
              throw thrown;
            },
            { ...options, propagation: 'NESTED' },
          ),
        );
      }
    });
    expect(await server.products()).toEqual([1]);
  });

  it.each(['REQUIRED', 'NESTED'] as const)(
    'what it throws itself rolls back and is thrown (%s inside)',
    async (propagation) => {
      const database = server.open();
      const failing: TransactionOptions = {
        propagation,
        rollbackOn: () => {
          throw new Error('cannot tell');
        },
      };
      const body = async (): Promise<void> => {
        await insert(database, 1);
        throw new TypeError('known');
      };
      expect((await rejection(database.transaction(body, failing))).message).toBe('cannot tell');
      await rejection(
        database.transaction(async () => {
          expect((await rejection(database.transaction(body, failing))).message).toBe('cannot tell');
          if (propagation === 'NESTED') throw new Error('enough');
        }),
      );
      expect(await server.products()).toEqual([]);
    },
  );
});
