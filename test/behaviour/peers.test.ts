// What peers do wrong with data, measured; each is right here.
import { describe, expect, it } from 'vitest';
import { afterCommit, UnexpectedRollbackError } from '../../src/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal } from '../support/settled.ts';

const server = useTestDatabase();
const nested = { propagation: 'NESTED' } as const;
const requiresNew = { propagation: 'REQUIRES_NEW' } as const;

describe('what happens to your data', () => {
  it('P1: NESTED succeeds and the outer one throws: no rows', async () => {
    const database = server.open();
    await rejection(
      database.transaction(async () => {
        await database.transaction(() => insert(database, 1), nested);
        throw new Error('declined');
      }),
    );
    expect(await server.products()).toEqual([]);
  });

  it('P2: a commit hook in NESTED, the outer one rolls back: silent', async () => {
    const database = server.open();
    let fired = false;
    await rejection(
      database.transaction(async () => {
        await database.transaction(async () => {
          await insert(database, 1);
          afterCommit(() => (fired = true));
        }, nested);
        throw new Error('declined');
      }),
    );
    expect(fired).toBe(false);
  });

  itWith('several writers')(
    'P3: Promise.all of two REQUIRES_NEW, one fails: only the good branch has rows',
    async () => {
      const database = server.open();
      const failed = signal();
      await Promise.allSettled([
        database.transaction(async () => {
          await insert(database, 1);
          await failed.promise;
          await insert(database, 2);
        }, requiresNew),
        database
          .transaction(async () => {
            await insert(database, 3);
            throw new Error('declined');
          }, requiresNew)
          .finally(failed.fire),
      ]);
      expect(await server.products()).toEqual([1, 2]);
    },
  );

  it('P4: two nested scopes in parallel, one fails: the row of the other stays', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await Promise.allSettled([
        database.transaction(async () => {
          await insert(database, 1);
          throw new Error('declined');
        }, nested),
        database.transaction(() => insert(database, 2), nested),
      ]);
    });
    expect(await server.products()).toEqual([2]);
  });

  it('P5: an un-awaited statement after the end: an error', async () => {
    const database = server.open();
    const ended = signal();
    let late: Promise<Error> | undefined;
    await database.transaction(async () => {
      await insert(database, 1);
      late = ended.promise.then(() => rejection(insert(database, 2)));
    });
    ended.fire();
    expect(await late).toMatchObject({ code: 'TRANSACTION_ENDED' });
    expect(await server.products()).toEqual([1]);
  });

  it('P6: an inner REQUIRED throws and the outer one catches: all rolled back, UnexpectedRollbackError', async () => {
    const database = server.open();
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await rejection(
          database.transaction(async () => {
            await insert(database, 2);
            throw new Error('declined');
          }),
        );
      }),
    );
    expect(error).toBeInstanceOf(UnexpectedRollbackError);
    expect(await server.products()).toEqual([]);
  });

  itWith('several writers')(
    'P7: N outer transactions, each with a REQUIRES_NEW, at a pool of N: all complete',
    async () => {
      const width = 4;
      const database = server.open({ max: width });
      const arrived = signal();
      let waiting = 0;
      await Promise.all(
        Array.from({ length: width }, (_, index) =>
          database.transaction(async () => {
            await insert(database, index);
            waiting += 1;
            if (waiting === width) arrived.fire();
            await arrived.promise;
            await database.transaction(() => insert(database, index + 100), requiresNew);
          }),
        ),
      );
      expect(await server.products()).toEqual([0, 1, 2, 3, 100, 101, 102, 103]);
    },
  );

  itWith('several writers')(
    'P8: a statement of the outer one while a REQUIRES_NEW runs, the outer one rolls back: gone',
    async () => {
      const database = server.open();
      await rejection(
        database.transaction(async () => {
          const opened = signal();
          const written = signal();
          await Promise.all([
            database.transaction(async () => {
              await insert(database, 1);
              opened.fire();
              await written.promise;
            }, requiresNew),
            opened.promise.then(() => insert(database, 2)).finally(written.fire),
          ]);
          throw new Error('declined');
        }),
      );
      expect(await server.products()).toEqual([1]);
    },
  );

  it('P10: a commit hook throws: reported to the caller, the data stays, the process lives', async () => {
    const database = server.open();
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        afterCommit(async () => {
          throw new Error('mail is down');
        });
      }),
    );
    expect(error).toMatchObject({ code: 'AFTER_COMMIT', committed: true });
    expect(await server.products()).toEqual([1]);
  });

  it('P13: a statement of a sibling after the rollback: an error', async () => {
    const database = server.open();
    const ended = signal();
    let late: Promise<Error> | undefined;
    await rejection(
      database.transaction(async () => {
        late = ended.promise.then(() => rejection(insert(database, 2)));
        await insert(database, 1);
        throw new Error('declined');
      }),
    );
    ended.fire();
    expect(await late).toMatchObject({ code: 'TRANSACTION_ENDED' });
    expect(await server.products()).toEqual([]);
  });
});
