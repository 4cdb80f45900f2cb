import { describe, expect, it } from 'vitest';
import { afterRollback } from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase();
const forever = new Promise<never>(() => {});

/** What has become of calls by now. */
function follow(...calls: Promise<unknown>[]): () => readonly unknown[] {
  const ends: unknown[] = calls.map(() => 'pending');
  for (const [index, call] of calls.entries()) {
    call.then(
      () => (ends[index] = 'resolved'),
      (error: { code?: unknown }) => (ends[index] = error.code),
    );
  }
  return () => [...ends];
}

describe('when close({ timeout }) has resolved', () => {
  it('callers of transactions that did not end were told, and their compensations have run', async () => {
    const database = server.open({ max: 1 });
    const ran: string[] = [];
    const stuck = database.transaction(async () => {
      afterRollback(async () => {
        // In a transaction of its own, as a compensation may.
        await database.transaction(() => insert(database, 2));
        ran.push('compensation');
      });
      await insert(database, 1);
      await forever;
    });
    const ends = follow(
      stuck,
      database.transaction(async () => {
        afterRollback(() => void ran.push('without a statement'));
        await forever;
      }),
    );
    await until('it holds a connection', () => database.stats().clients.default.used === 1);
    const waiting = follow(insert(database, 3));
    await database.close({ timeout: 20 });
    expect(ends()).toEqual(['DATABASE_CLOSED', 'DATABASE_CLOSED']);
    expect(waiting()).toEqual(['DATABASE_CLOSED']);
    expect(ran.toSorted()).toEqual(['compensation', 'without a statement']);
    expect(await server.products()).toEqual([2]);
    expect(database.stats().clients.default.used).toBe(0);
  });

  itWith('slow statements')('callers of statements that did not end were told', async () => {
    const database = server.open({ max: 2 });
    const statement = engine.sql.sleep(60);
    const ends = follow(
      database.current.query(statement),
      database.transaction(() => database.current.query(statement)),
    );
    await until('both run', async () => (await server.running(statement)) === 2);
    await database.close({ timeout: 20 });
    expect(ends()).toEqual(['DATABASE_CLOSED', 'DATABASE_CLOSED']);
    await until('the server has let go of them', async () => (await server.connections()) === 0);
  });

  itWith('raised errors')(
    'callers who paused before another attempt were told, at once where it takes too long',
    async () => {
      const database = server.open();
      let attempts = 0;
      const paused = follow(
        database.transaction(
          async () => {
            attempts += 1;
            await database.current.query("do $$ begin raise exception using errcode = '40001'; end $$");
          },
          { retry: { attempts: 2, delay: 60_000 } },
        ),
      );
      await until('it pauses', () => attempts === 1 && database.stats().clients.default.used === 0);
      await database.close({ timeout: 20 });
      expect(paused()).toEqual(['DATABASE_CLOSED']);
      expect(attempts).toBe(1);
    },
  );

  itWith('raised errors')('another attempt was let end that came in time', async () => {
    const database = server.open();
    let attempts = 0;
    const repeated = follow(
      database.transaction(
        async () => {
          attempts += 1;
          if (attempts === 1)
            await database.current.query("do $$ begin raise exception using errcode = '40001'; end $$");
          else await insert(database, 1);
        },
        { retry: { attempts: 2, delay: 50 } },
      ),
    );
    await until('it pauses', () => attempts === 1 && database.stats().clients.default.used === 0);
    await database.close();
    expect(repeated()).toEqual(['resolved']);
    expect(await server.products()).toEqual([1]);
  });

  it('a compensation that never ends has kept it for five seconds, and no longer', { timeout: 30_000 }, async () => {
    const database = server.open();
    const stuck = follow(
      database.transaction(async () => {
        afterRollback(() => forever);
        await insert(database, 1);
        await forever;
      }),
    );
    await until('it holds a connection', () => database.stats().clients.default.used === 1);
    await database.close({ timeout: 20 });
    expect(stuck()).toEqual(['DATABASE_CLOSED']);
  });
});
