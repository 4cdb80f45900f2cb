import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type HistoryEntry, SluiceError } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();

function historyOf(error: unknown): readonly HistoryEntry[] {
  return (error as { history?: readonly HistoryEntry[] }).history ?? [];
}

describe('the history of an error', () => {
  it('is that of its chain, in an error of the server', async () => {
    const database = server.open();
    await insert(database, 1);
    const error = await rejection(
      database.transaction(
        async () => {
          await database.query('select 1');
          await database.transaction(() => insert(database, 2), { propagation: 'NESTED' });
          await insert(database, 1);
        },
        { name: 'twice' },
      ),
    );
    const entries = historyOf(error).filter(({ event }) => event !== 'acquire');
    expect(entries.map(({ event }) => event)).toEqual(['begin', 'statement', 'savepoint', 'statement', 'statement']);
    expect(entries[1]).toMatchObject({
      transaction: 'twice',
      clientName: 'default',
      level: 0,
      text: 'select ?',
      rowCount: 1,
    });
    expect(entries.at(-1)?.error).toEqual(expect.any(String));
    expect(entries.every(({ at }, index) => at >= (entries[index - 1]?.at ?? 0))).toBe(true);
  });

  it('is there in an error of Sluice, up to the end of its transaction', async () => {
    const database = server.open();
    const error = await rejection(
      database.transaction(async () => {
        await database.query('select 1');
        await database.transaction(() => Promise.resolve(), { propagation: 'NEVER' });
      }),
    );
    expect(error).toBeInstanceOf(SluiceError);
    expect(historyOf(error).at(-1)?.event).toBe('rollback');
  });

  it('spans the transactions of the chain', async () => {
    const database = server.open();
    await insert(database, 1);
    const error = await rejection(
      database.transaction(
        async () => {
          await database.query('select 1');
          await database.transaction(() => insert(database, 1), { name: 'inner', propagation: 'REQUIRES_NEW' });
        },
        { name: 'outer' },
      ),
    );
    const names = new Set(historyOf(error).map(({ transaction }) => transaction));
    expect(names).toEqual(new Set(['outer', 'inner']));
  });

  it('has the last 16 things, with texts of at most 120 characters and no literals', async () => {
    const database = server.open();
    const long = `select 'canary' as ${'x'.repeat(60)}, 2 as ${'y'.repeat(60)}`;
    const error = await rejection(
      database.transaction(async () => {
        for (let i = 0; i < 20; i += 1) await database.query(long);
        await database.query('select from nowhere at all');
      }),
    );
    expect(historyOf(error)).toHaveLength(16);
    expect(historyOf(error)[0]?.text).toHaveLength(121);
    expect(inspect(historyOf(error))).not.toContain('canary');
  });

  it('is nothing that a logger prints, and nothing of an error that the program throws', async () => {
    const database = server.open();
    await insert(database, 1);
    const error = await rejection(database.transaction(() => insert(database, 1)));
    expect(Object.keys(error as object)).not.toContain('history');
    const own = new RangeError('declined');
    expect(await rejection(database.transaction(() => Promise.reject(own)))).toBe(own);
    expect('history' in own).toBe(false);
  });

  it('leaves alone what cannot carry it', async () => {
    const database = server.open();
    const outside = await rejection(database.query('select from nowhere at all'));
    expect('history' in (outside as object)).toBe(false);
  });
});
