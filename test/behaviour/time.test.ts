import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import {
  afterRollback,
  currentContext,
  statement,
  TransactionEndedError,
  TransactionTimeoutError,
  withContext,
} from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();

describe('timeout', () => {
  itWith('slow statements')('cancels the running statement on the server, rolls back and says so', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const compensated = signal();
    const error = await rejection(
      database.transaction(
        async () => {
          afterRollback(compensated.fire);
          await insert(database, 1);
          await database.current.query(engine.sql.sleep(60));
        },
        { timeout: 150, name: 'report' },
      ),
    );
    expect(error).toBeInstanceOf(TransactionTimeoutError);
    expect(error).toMatchObject({ code: 'TRANSACTION_TIMEOUT', chain: [{ transaction: 'report' }] });
    await compensated.promise;
    expect(await server.running(engine.sql.sleep(60))).toBe(0);
    // The same connection serves the next one.
    await insert(database, 2);
    expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 1 });
    expect(await server.products()).toEqual([2]);
  });

  it('ends a transaction whose body never does, and gives the connection back', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const resumed = signal();
    let late: Promise<Error> | undefined;
    const error = await rejection(
      database.transaction(
        async () => {
          late = resumed.promise.then(() => rejection(insert(database, 2)));
          await insert(database, 1);
          await new Promise(() => {});
        },
        { timeout: 50 },
      ),
    );
    expect(error).toBeInstanceOf(TransactionTimeoutError);
    await insert(database, 3);
    resumed.fire();
    expect(await late).toBeInstanceOf(TransactionEndedError);
    expect((await late)?.cause).toBe(error);
    expect(await server.products()).toEqual([3]);
  });

  it('bounds the wait for a connection', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const release = signal();
    const holder = database.transaction(async () => {
      await insert(database, 1);
      await release.promise;
    });
    const error = await rejection(database.transaction(() => insert(database, 2), { timeout: 50 }));
    expect(error).toBeInstanceOf(TransactionTimeoutError);
    expect(database.stats().clients.default.waiting).toBe(0);
    release.fire();
    await holder;
    expect(await server.products()).toEqual([1]);
  });

  it('does not fire when the transaction ends in time', async () => {
    const database = server.open();
    await database.transaction(() => insert(database, 1), { timeout: 10_000 });
    expect(await server.products()).toEqual([1]);
  });
});

describe('the deadline of a chain', () => {
  it('keeps no work that came too late: close() has nothing to wait for', async () => {
    const database = server.open();
    await insert(database, 1);
    const late = (work: () => Promise<unknown>): Promise<Error> =>
      withContext({ timeout: 1 }, async () => {
        await until('the deadline has passed', () => (currentContext().remaining ?? 0) < 0);
        return await rejection(work());
      });
    const errors = [
      await late(() => insert(database, 2)),
      await late(() => database.transaction(() => insert(database, 3))),
      await late(() => database.current.batch([statement('select 1')])),
    ];
    expect(errors.map((error) => (error as Error & { code: unknown }).code)).toEqual(
      Array(3).fill('DEADLINE_EXCEEDED'),
    );
    // Were something left of them, it would be waited for, and the test would take too long.
    await database.close({ timeout: 3_600_000 });
    expect(await server.products()).toEqual([1]);
  });
});

describe('signal', () => {
  itWith('slow statements')('an abort cancels the running statement and rejects with its reason', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const controller = new AbortController();
    const reason = new Error('the client went away');
    const pending = rejection(
      database.transaction(
        async () => {
          await insert(database, 1);
          await database.current.query(engine.sql.sleep(61));
        },
        { signal: controller.signal },
      ),
    );
    await until('the statement runs', async () => (await server.running(engine.sql.sleep(61))) === 1);
    controller.abort(reason);
    expect(await pending).toBe(reason);
    // It is the caller's own error, and stays as it was.
    expect(reason.stack).not.toContain('sent by');
    expect(await server.running(engine.sql.sleep(61))).toBe(0);
    await insert(database, 2);
    expect(await server.products()).toEqual([2]);
  });

  it('one that is aborted already runs nothing', async () => {
    const database = server.open();
    let ran = false;
    const pending = database.transaction(
      () => {
        ran = true;
      },
      { signal: AbortSignal.abort(new Error('too late')) },
    );
    expect((await rejection(pending)).message).toBe('too late');
    expect(ran).toBe(false);
  });

  it('may be that of very many, and is listened to once', async () => {
    const database = server.open({ acquireTimeout: 60_000 });
    const controller = new AbortController();
    const listening = vi.spyOn(controller.signal, 'addEventListener');
    const reason = new Error('shut down');
    const endless = new Promise<void>(() => {});
    await database.transaction(async () => {}, { signal: controller.signal });
    // Every other one waits for a connection.
    const bodyOf = (at: number) => async (): Promise<void> => await (at % 2 === 0 ? endless : insert(database, 1));
    const all = Array.from({ length: 1_000 }, (_, at) =>
      rejection(database.transaction(bodyOf(at), { signal: controller.signal })),
    );
    // The one that had ended, the first of these, and all of them together.
    expect(listening).toHaveBeenCalledTimes(3);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(reason);
    expect(new Set(await Promise.all(all))).toEqual(new Set([reason]));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('is not asked for the stack of its reason, which costs more than all else', async () => {
    const database = server.open({ max: 1 });
    const held = signal();
    const holder = database.transaction(async () => {
      await insert(database, 1);
      await held.promise;
    });
    await until('the connection is held', () => database.stats().clients.default.oldestHolder !== undefined);
    const controller = new AbortController();
    let read = 0;
    const reason = Object.defineProperty(new Error('gone'), 'stack', { get: () => (read += 1) });
    const waiting = rejection(database.transaction(() => insert(database, 2), { signal: controller.signal }));
    await until('it waits', () => database.stats().clients.default.waiting === 1);
    controller.abort(reason);
    expect(await waiting).toBe(reason);
    held.fire();
    await holder;
    expect(read).toBe(0);
  });

  it('leaves no listener behind', async () => {
    const database = server.open();
    const controller = new AbortController();
    for (let index = 0; index < 3; index += 1) {
      await database.transaction(() => database.current.query('select 1'), { signal: controller.signal });
    }
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});
