import { describe, expect, it } from 'vitest';
import {
  type Propagation,
  TransactionNotAllowedError,
  TransactionRequiredError,
  UnexpectedRollbackError,
} from '../../src/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();

describe('propagation outside of a transaction', () => {
  it.each([
    ['REQUIRED', true],
    ['REQUIRES_NEW', true],
    ['NESTED', true],
    ['SUPPORTS', false],
    ['NOT_SUPPORTED', false],
    ['NEVER', false],
  ] as const)('%s: in a transaction is %s', async (propagation, expected) => {
    const database = server.open();
    const seen = await database.transaction(
      async () => {
        await insert(database, 1);
        // Beside it, what was written is there or is not.
        const beside = await server.products();
        expect(database.current.inTransaction).toBe(expected);
        return beside.length === 0;
      },
      { propagation },
    );
    expect(seen).toBe(expected);
    expect(await server.products()).toEqual([1]);
  });

  it('MANDATORY is refused, with the remedy', async () => {
    const database = server.open();
    const error = await rejection(database.transaction(() => insert(database, 1), { propagation: 'MANDATORY' }));
    expect(error).toBeInstanceOf(TransactionRequiredError);
    expect(error).toMatchObject({
      code: 'TRANSACTION_REQUIRED',
      remedy: expect.stringContaining('REQUIRED') as string,
    });
    expect(await server.products()).toEqual([]);
  });
});

describe('propagation inside a transaction', () => {
  it.each([
    ['REQUIRED', 'the same'],
    ['SUPPORTS', 'the same'],
    ['MANDATORY', 'the same'],
    ['NESTED', 'the same'],
    ['REQUIRES_NEW', 'another'],
    ['NOT_SUPPORTED', 'none'],
  ] as const)('%s runs in %s transaction', async (propagation, expected) => {
    const database = server.open();
    const where = await database.transaction(async () => {
      await insert(database, 1);
      return await database.transaction(
        async () => {
          const { rowCount } = await database.current.query('select id from product where id = 1');
          if (rowCount === 1) return 'the same';
          return database.current.inTransaction ? 'another' : 'none';
        },
        // A reader, so that it can begin beside the writer that it is nested in.
        propagation === 'REQUIRES_NEW' ? { propagation, readOnly: true } : { propagation },
      );
    });
    expect(where).toBe(expected);
  });

  it('NEVER is refused and does not mark the outer transaction', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await insert(database, 1);
      const error = await rejection(
        database.transaction(() => insert(database, 2), { propagation: 'NEVER', name: 'never' }),
      );
      expect(error).toBeInstanceOf(TransactionNotAllowedError);
      expect(error).toMatchObject({ code: 'TRANSACTION_NOT_ALLOWED', chain: [{ level: 0 }] });
    });
    expect(await server.products()).toEqual([1]);
  });

  it('a refusal of MANDATORY on another client does not mark the outer transaction', async () => {
    const database = server.open();
    const other = server.open();
    await database.transaction(async () => {
      await insert(database, 1);
      await rejection(other.transaction(async () => {}, { propagation: 'MANDATORY' }));
    });
    expect(await server.products()).toEqual([1]);
  });
});

describe('REQUIRED', () => {
  it('rolls everything back when an inner scope throws and the outer one catches it', async () => {
    const database = server.open();
    const cause = new Error('no stock');
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await rejection(
          database.transaction(async () => {
            await insert(database, 2);
            throw cause;
          }),
        );
        await insert(database, 3);
      }),
    );
    expect(error).toBeInstanceOf(UnexpectedRollbackError);
    expect(error.cause).toBe(cause);
    expect(await server.products()).toEqual([]);
  });

  it('gives two independent transactions under Promise.all with none around', async () => {
    const database = server.open();
    const results = await Promise.allSettled([
      database.transaction(() => insert(database, 1)),
      database.transaction(async () => {
        await insert(database, 2);
        throw new Error('declined');
      }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await server.products()).toEqual([1]);
  });
});

describe('REQUIRES_NEW', () => {
  itWith('several writers')('commits although the outer transaction rolls back', async () => {
    const database = server.open();
    await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await database.transaction(() => insert(database, 2), { propagation: 'REQUIRES_NEW' });
        throw new Error('declined');
      }),
    );
    expect(await server.products()).toEqual([2]);
  });

  itWith('several writers')('leaves the outer transaction usable by its own branches meanwhile', async () => {
    const database = server.open({ max: 1 });
    await database.transaction(async () => {
      await insert(database, 1);
      await Promise.all([
        database.transaction(() => insert(database, 2), { propagation: 'REQUIRES_NEW' }),
        insert(database, 3),
        database.transaction(() => insert(database, 4)),
      ]);
    });
    expect(await server.products()).toEqual([1, 2, 3, 4]);
  });

  it('gives two transactions under Promise.all, each with its own rows', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await Promise.allSettled([
        database.transaction(
          async () => {
            await insert(database, 1);
            await insert(database, 2);
          },
          { propagation: 'REQUIRES_NEW' },
        ),
        database.transaction(
          async () => {
            await insert(database, 3);
            await insert(database, 4);
            throw new Error('declined');
          },
          { propagation: 'REQUIRES_NEW' },
        ),
      ]);
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  it('runs one level above what its chain holds', async () => {
    const database = server.open();
    const levels: number[] = [];
    const nest = (propagation: Propagation, body: () => Promise<void>): Promise<void> =>
      database.transaction(
        async () => {
          levels.push(database.current.level);
          await body();
        },
        { propagation },
      );
    await nest('REQUIRED', () =>
      nest('REQUIRES_NEW', () => nest('NESTED', () => nest('REQUIRES_NEW', async () => {}))),
    );
    expect(levels).toEqual([0, 1, 1, 2]);
  });
});

describe('NOT_SUPPORTED', () => {
  itWith('several writers')(
    'runs statements by themselves at the next level, and they stay after a rollback',
    async () => {
      const database = server.open({ max: 1 });
      await rejection(
        database.transaction(async () => {
          await insert(database, 1);
          await database.transaction(
            async () => {
              expect(database.current.level).toBe(1);
              await insert(database, 2);
            },
            { propagation: 'NOT_SUPPORTED' },
          );
          throw new Error('declined');
        }),
      );
      expect(await server.products()).toEqual([2]);
    },
  );
});
