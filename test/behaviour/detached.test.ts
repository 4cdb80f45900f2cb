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
import { withTransaction, withTransactionIsolation } from '../../src/integrations/typeorm/index.ts';
import { createJobs, defineQueue } from '../../src/queue/index.ts';
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
  /** The rejection of a call that must not throw. */
  async function rejectionOf(call: () => Promise<unknown> | undefined): Promise<unknown> {
    let promise: Promise<unknown> | undefined;
    expect(() => (promise = call())).not.toThrow();
    return await rejection(promise ?? Promise.resolve());
  }

  it('rejects and never throws: close with nonsense, of databases, jobs and workers', async () => {
    const database = server.open();
    const jobs = createJobs(database, { queues: { invoice: defineQueue<object>('invoice') } });
    const worker = jobs.worker();
    for (const each of [database, jobs, worker]) {
      expect(await rejectionOf(() => each.close({ timeout: -1 }))).toBeInstanceOf(InvalidOptionError);
    }
    // It was not closed by that.
    await jobs.queues.invoice.push({});
    await jobs.close();
  });

  it('rejects and never throws: what needs a database, where none is open', async () => {
    const { value: method } = Database.transaction()({}, 'find', { value: async () => {} });
    expect(await rejectionOf(() => method?.())).toMatchObject({ code: 'NO_DATABASE' });
    expect(await rejectionOf(() => withTransaction(async () => {}))).toMatchObject({ code: 'NO_DATABASE' });
    const isolated = (): Promise<void> => withTransactionIsolation('SERIALIZABLE', async () => {});
    expect(await rejectionOf(isolated)).toMatchObject({ code: 'NO_DATABASE' });
  });
});
