import { describe, expect, it } from 'vitest';
import { type Database, Propagation, TransactionLeftOpenError } from '../../src/index.ts';
import { insert, type TestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

/** A transaction that a library hands out, to be ended by hand. */
export interface HandedOut {
  insert(id: number): Promise<unknown>;
  /** Inserts, and fails where the product is there. */
  insertNew?(id: number): Promise<unknown>;
  commit(): Promise<unknown>;
  rollback(): Promise<unknown>;
  /** Gives its connection back, where that is not done by ending it. */
  release?(): Promise<unknown>;
}

/** A library under test, over the ambient pool of a database. */
export interface ByHand {
  begin(): Promise<HandedOut>;
  close(): Promise<unknown>;
}

const named = { name: 'TransactionLeftOpenError', code: 'TRANSACTION_LEFT_OPEN' };

/** Fails where it neither resolves nor rejects. */
async function settled<Result>(running: Promise<Result>): Promise<Result> {
  let isSettled = false;
  running.then(
    () => (isSettled = true),
    () => (isSettled = true),
  );
  await until('the transaction has ended', () => isSettled);
  return await running;
}

/** What is begun by hand in an ambient transaction ends with the body around it at the latest. */
export function byHandSuite(
  name: string,
  server: TestDatabase,
  open: (database: Database<'default'>) => ByHand | Promise<ByHand>,
): void {
  const use = async (test: (library: ByHand, database: Database<'default'>) => Promise<void>): Promise<void> => {
    const database = server.open({ max: 1 });
    const library = await open(database);
    try {
      await test(library, database);
      // Nothing has kept the connection.
      await database.transaction(() => insert(database, 99));
      expect(await server.products()).toContain(99);
    } finally {
      await library.close();
    }
  };

  describe(`what ${name} begins by hand in an ambient transaction`, () => {
    it('is kept where it is committed, and undone where it is rolled back', () =>
      use(async (library, database) => {
        await database.transaction(async () => {
          const kept = await library.begin();
          await kept.insert(1);
          await kept.commit();
          await kept.release?.();
          const undone = await library.begin();
          await undone.insert(2);
          await undone.rollback();
          await undone.release?.();
          await insert(database, 3);
        });
        expect(await server.products()).toEqual([1, 3]);
      }));

    it.each(['used', 'unused'])('is rolled back where it is never ended, and so is what left it open: %s', (kind) =>
      use(async (library, database) => {
        const running = database.transaction(
          async () => {
            await insert(database, 1);
            const byHand = await library.begin();
            if (kind === 'used') await byHand.insert(2);
          },
          { name: 'checkout' },
        );
        const error = await rejection(settled(running));
        expect(error).toMatchObject(named);
        expect(error).toBeInstanceOf(TransactionLeftOpenError);
        expect(error.message).toContain('"checkout"');
        expect(error['remedy']).toContain('before the body ends');
        expect(await server.products()).toEqual([]);
      }),
    );

    it('is named beside the error of a body that throws before its end', () =>
      use(async (library, database) => {
        const failed = new Error('sold out');
        const running = database.transaction(async () => {
          const byHand = await library.begin();
          await byHand.insert(1);
          throw failed;
        });
        const error = await rejection(settled(running));
        expect(error).toBe(failed);
        expect(error['suppressed']).toEqual([expect.objectContaining(named)]);
        expect(await server.products()).toEqual([]);
      }));

    it('is named beside a failed statement of its own', () =>
      use(async (library, database) => {
        const running = database.transaction(async () => {
          const byHand = await library.begin();
          await byHand.insert(1);
          await (byHand.insertNew?.(1) ?? byHand.insert(1));
        });
        const error = await rejection(settled(running));
        expect(error).not.toMatchObject(named);
        expect(error['suppressed']).toEqual([expect.objectContaining(named)]);
        expect(await server.products()).toEqual([]);
      }));

    it.each([Propagation.REQUIRED, Propagation.NESTED])('ends with the inner scope that began it: %s', (propagation) =>
      use(async (library, database) => {
        let inner: (Error & Record<string, unknown>) | undefined;
        const leaveOpen = async (): Promise<void> => {
          const byHand = await library.begin();
          await byHand.insert(1);
        };
        const running = database.transaction(async () => {
          inner = await rejection(database.transaction(leaveOpen, { propagation }));
          if (propagation === Propagation.NESTED) await insert(database, 2);
        });
        if (propagation === Propagation.NESTED) {
          await settled(running);
          expect(await server.products()).toEqual([2]);
        } else {
          const error = await rejection(settled(running));
          expect(error).toMatchObject({ code: 'UNEXPECTED_ROLLBACK', cause: inner });
          expect(await server.products()).toEqual([]);
        }
        expect(inner).toMatchObject(named);
      }),
    );

    it.each(['commit', 'rollback'] as const)(
      'is not ended a second time, or by others, where it comes late: %s',
      (end) =>
        use(async (library, database) => {
          let byHand: HandedOut | undefined;
          const running = database.transaction(async () => {
            byHand = await library.begin();
            await byHand.insert(1);
          });
          expect(await rejection(settled(running))).toMatchObject(named);
          const late = settled(Promise.resolve(byHand?.[end]()));
          if (end === 'commit') expect(await rejection(late)).toMatchObject({ code: named.code });
          else await late;
          await byHand?.release?.();
          expect(await server.products()).toEqual([]);
        }),
    );

    it('sends nothing after its end', () =>
      use(async (library, database) => {
        let byHand: HandedOut | undefined;
        await rejection(settled(database.transaction(async () => void (byHand = await library.begin()))));
        await rejection(settled(Promise.resolve(byHand?.insert(1))));
        await byHand?.rollback().catch(() => {});
        await byHand?.release?.();
        expect(await server.products()).toEqual([]);
      }));

    it('holds up no end of the database', () =>
      use(async (_library, database) => {
        const other = server.open({ max: 1 });
        const own = await open(other);
        const begun = Promise.withResolvers<void>();
        const running = other.transaction(async () => {
          await own.begin();
          begun.resolve();
          await new Promise(() => {});
        });
        const outcome = rejection(settled(running));
        await begun.promise;
        await other.close({ timeout: 1 });
        expect(await outcome).toMatchObject({ code: 'DATABASE_CLOSED' });
        await own.close();
        expect(database.stats().clients.default.used).toBe(0);
      }));
  });
}
