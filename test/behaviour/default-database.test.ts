import { afterEach, describe, expect, it } from 'vitest';
import {
  afterCommit,
  afterCompletion,
  afterRollback,
  AmbiguousDatabaseError,
  beforeCommit,
  createDatabase,
  Database,
  isTransactionActive,
  setRollbackOnly,
} from '../../src/index.ts';
import { rolledBack } from '../../src/testing/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
const opened: Database[] = [];

function open(): Database<'default'> {
  const database = createDatabase({ clients: { default: server.client() } });
  opened.push(database);
  return database;
}
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});

/** Runs a decorated method and says which of the databases it was in a transaction of. */
async function whichOf(...databases: Database[]): Promise<number> {
  const find = async (): Promise<number> => databases.findIndex(({ current }) => current.inTransaction);
  const decorated = Database.transaction()({}, 'find', { value: find });
  return (await decorated.value?.()) ?? -1;
}

const hooks = { afterCommit, afterCompletion, afterRollback, beforeCommit };

describe('the database that a free decorator means', () => {
  it('is the only one that is open', async () => {
    expect(await whichOf(open())).toBe(0);
  });

  it('is missing when there is none', async () => {
    expect(await rejection(whichOf())).toMatchObject({ code: 'NO_DATABASE' });
  });

  it('is not known where several are open, and says how to name it', async () => {
    const [first, second] = [open(), open()];
    const error = await rejection(whichOf(first, second));
    expect(error).toBeInstanceOf(AmbiguousDatabaseError);
    expect(error).toMatchObject({ code: 'AMBIGUOUS_DATABASE' });
    expect(error.message).toContain('Transactional');
    await first.close();
    expect(await whichOf(second)).toBe(0);
  });

  itWith('several writers')('never commits for the other one what its method fails with', async () => {
    const [, second] = [open(), open()];
    const sell = async (): Promise<void> => {
      await insert(second, 1);
      throw new Error('declined');
    };
    const decorated = Database.transaction()({}, 'sell', { value: sell });
    expect(await rejection(decorated.value?.() ?? Promise.resolve())).toMatchObject({ code: 'AMBIGUOUS_DATABASE' });
    expect(await server.products()).toEqual([]);
    await rejection(second.transaction(() => decorated.value?.()));
    expect(await server.products()).toEqual([]);
  });

  it('is the one that is ambient: by its transaction, or by its current client', async () => {
    const [first, second] = [open(), open()];
    expect(await second.transaction(() => whichOf(first, second))).toBe(1);
    expect(await second.switchDb(() => whichOf(first, second), { clientName: 'default' })).toBe(1);
  });

  it('is not known where transactions of two are ambient', async () => {
    const [first, second] = [open(), open()];
    const both = first.transaction(() => second.transaction(() => whichOf(first, second)));
    expect(await rejection(both)).toMatchObject({ code: 'AMBIGUOUS_DATABASE' });
  });

  it('is the ambient one again when the other transaction has ended', async () => {
    const [first, second] = [open(), open()];
    const after = first.transaction(async () => {
      await second.transaction(() => undefined);
      return await whichOf(first, second);
    });
    expect(await after).toBe(0);
  });
});

describe('free hooks', () => {
  for (const [name, register] of Object.entries(hooks)) {
    it(`${name}: is refused where several databases are open and none is ambient`, async () => {
      const [first, second] = [open(), open()];
      expect(() => register(() => {})).toThrow(AmbiguousDatabaseError);
      const both = first.transaction(() => second.transaction(() => register(() => {})));
      expect(await rejection(both)).toBeInstanceOf(AmbiguousDatabaseError);
      await second.transaction(() => register(() => {}));
      await first.close();
      register(() => {});
    });
  }

  it('are those of the transaction that is ambient', async () => {
    const [, second] = [open(), open()];
    const seen: string[] = [];
    await second.transaction(() => afterCommit(() => seen.push('committed')));
    await rejection(
      second.transaction(() => {
        afterRollback(() => seen.push('rolled back'));
        throw new Error('declined');
      }),
    );
    expect(seen).toEqual(['committed', 'rolled back']);
  });

  it('setRollbackOnly is refused where transactions of two databases are ambient', async () => {
    const [first, second] = [open(), open()];
    expect(await rejection(first.transaction(() => second.transaction(setRollbackOnly)))).toBeInstanceOf(
      AmbiguousDatabaseError,
    );
  });
});

describe('isTransactionActive', () => {
  it('says what inTransaction says: in no transaction, in one, after it, and around a test', async () => {
    const database = open();
    const look = (): boolean[] => [isTransactionActive(), database.current.inTransaction];
    expect(look()).toEqual([false, false]);
    expect(await database.transaction(look)).toEqual([true, true]);
    expect(await rolledBack(database, look)).toEqual([false, false]);
    expect(await rolledBack(database, () => database.transaction(look))).toEqual([true, true]);
    let seen: boolean[] = [];
    await database.transaction(() => afterCommit(() => (seen = look())));
    expect(seen).toEqual([false, false]);
  });
});
