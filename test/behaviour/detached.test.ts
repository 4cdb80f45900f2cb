import { EventEmitter } from 'node:events';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type BackgroundErrorEvent,
  channelNames,
  currentContext,
  Database,
  InvalidOptionError,
  withContext,
} from '../../src/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
let errors: BackgroundErrorEvent[] = [];

function onError(message: unknown): void {
  errors.push(message as BackgroundErrorEvent);
}
beforeEach(() => {
  errors = [];
  subscribe(channelNames.backgroundError, onError);
});
afterEach(() => unsubscribe(channelNames.backgroundError, onError));

describe('detached', () => {
  itWith('several writers')('runs outside of the transaction around it, which may roll back', async () => {
    const database = server.open();
    const done = signal();
    const seen: unknown[] = [];
    await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        database.detached(async () => {
          seen.push(database.current.inTransaction, database.current.level);
          await insert(database, 2);
          done.fire();
        });
        await done.promise;
        throw new Error('declined');
      }),
    );
    expect(seen).toEqual([false, 0]);
    expect(await server.products()).toEqual([2]);
  });

  it('lets a listener of an event send its statements after the transaction has ended', async () => {
    const database = server.open();
    const events = new EventEmitter();
    const done = signal();
    await database.transaction(() => {
      events.once('sold', () => database.detached(() => insert(database, 1).then(done.fire)));
      setImmediate(() => events.emit('sold'));
    });
    await done.promise;
    expect(await server.products()).toEqual([1]);
  });

  it('tells of its failure in the background, whether it throws or rejects', async () => {
    const database = server.open();
    database.detached(() => {
      throw new Error('thrown');
    });
    database.detached(() => Promise.reject(new Error('rejected')));
    await until('both are told of', () => errors.length === 2);
    expect(errors).toMatchObject([
      { source: 'detached work', error: { message: 'thrown' } },
      { source: 'detached work', error: { message: 'rejected' } },
    ]);
  });

  it('keeps the values of the context, and neither its deadline nor its level', async () => {
    const database = server.open();
    const seen: unknown[] = [];
    await withContext({ tenant: 'acme', timeout: 60_000 }, () =>
      database.switchDb(() => database.detached(() => seen.push(currentContext())), { level: 2 }),
    );
    expect(seen).toEqual([{ level: 0, tenant: 'acme' }]);
  });

  it('is new work to a database that is closed', async () => {
    const database = server.open();
    await withContext({ tenant: 'acme' }, async () => {
      const closing = database.transaction(async () => {
        await database.current.query('select 1');
        const closed = database.close();
        database.detached(() => database.current.query('select 1'));
        await until('it was refused', () => errors.length > 0);
        return { closed };
      });
      await (
        await closing
      ).closed;
    });
    expect(errors).toMatchObject([{ error: { code: 'DATABASE_CLOSED' } }]);
  });

  it('refuses what is no function', () => {
    const database = server.open();
    expect(() => database.detached(undefined as unknown as () => void)).toThrow(InvalidOptionError);
  });
});

describe('what returns a promise', () => {
  it('rejects and never throws: close with nonsense, a decorated method without a database', async () => {
    const database = server.open();
    let closing: Promise<void> | undefined;
    expect(() => (closing = database.close({ timeout: -1 }))).not.toThrow();
    expect(await rejection(closing ?? Promise.resolve())).toBeInstanceOf(InvalidOptionError);
    await database.close();
    const { value: method } = Database.transaction()({}, 'find', { value: async () => {} });
    let promise: Promise<void> | undefined;
    expect(() => (promise = method?.())).not.toThrow();
    expect(await rejection(promise ?? Promise.resolve())).toMatchObject({ code: 'NO_DATABASE' });
  });
});
