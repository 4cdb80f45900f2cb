// What is printed of failures that no caller waits for, where nothing subscribes to their channels.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { reportBackgroundError } from '../../src/channels/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { createDatabase } from '../../src/index.ts';
import { rejection } from '../support/settled.ts';

async function warningOf(cause: () => unknown): Promise<Error> {
  const [[warning]] = await Promise.all([once(process, 'warning'), cause()]);
  return warning as Error;
}

describe('the warning of a background error', () => {
  it.each<[string, thrown: unknown, text: string]>([
    ['null', null, 'no error was thrown, but null'],
    ['undefined', undefined, 'no error was thrown, but undefined'],
    ['a string', 'hunter2', 'no error was thrown, but a string'],
    ['a number', 4711, 'no error was thrown, but a number'],
    ['an object', { password: 'hunter2' }, 'no error was thrown, but a value of type object'],
    ['an error', new TypeError('no stock'), 'TypeError: no stock'],
    ['an error with a cause', new Error('no', { cause: new Error('away') }), 'Error: no Cause: Error: away'],
    ['an error whose cause is none', new Error('no', { cause: 'hunter2' }), 'Error: no (subscribe'],
  ])('says what was thrown: %s', async (name, error, text) => {
    const { message } = await warningOf(() => reportBackgroundError({ source: `consumer ${name}`, error }));
    expect(message).toContain(`consumer ${name}: ${text}`);
    expect(message).not.toMatch(/hunter2|4711/);
  });
});

describe('the warning of a hook', () => {
  it.each<[thrown: unknown, text: string]>([
    [new TypeError('refund failed'), 'TypeError: refund failed'],
    [null, 'no error was thrown, but null'],
  ])('names it as programs do, with its error', async (thrown, text) => {
    await using database = createDatabase({ clients: { default: sqlite() } });
    const { message } = await warningOf(() =>
      rejection(
        database.transaction(
          () => {
            database.current.afterRollback(() => Promise.reject(thrown));
            throw new Error('declined');
          },
          { name: 'checkout' },
        ),
      ),
    );
    expect(message).toContain(`An afterRollback hook of transaction "checkout" failed: ${text} (subscribe to`);
  });

  it('of one that runs at once too', async () => {
    await using database = createDatabase({ clients: { default: sqlite() } });
    const { message } = await warningOf(() => {
      database.current.afterCommit(() => Promise.reject(new Error('no mail')));
    });
    expect(message).toContain('An afterCommit hook outside of a transaction failed: Error: no mail (subscribe to');
  });
});
