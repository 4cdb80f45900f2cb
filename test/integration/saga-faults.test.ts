// What the server refuses while a saga is being taken up: its records are read again later, and it goes on.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { beforeAll, describe, expect, it } from 'vitest';
import { FencedOff, SagaRecords } from '../../src/saga/records.ts';
import { createSagas, createSagaTables, defineSaga, forgetEndedSagas } from '../../src/saga/index.ts';
import { channelNames } from '../../src/index.ts';
import { claimOf } from '../../src/saga/store.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
beforeAll(() => createSagaTables(server.open().current));
const quick = { pollInterval: 20, retryDelay: 10, lease: 60_000 } as const;

describe('a saga whose records cannot be read', () => {
  it('is given back, and goes on when they can', async () => {
    const database = server.open();
    const order = defineSaga('order', async (saga) => await saga.step('one', () => 1));
    const sagas = createSagas(database, { sagas: { order }, ...quick });
    await server.sql(`create or replace function refuse() returns trigger language plpgsql as $$ begin
        raise exception 'later' using errcode = '40001'; end $$;
      create trigger refuse before insert or update on sluice_saga_fence for each row execute function refuse()`);
    const handle = await sagas.order.start(undefined, { id: 'a' });
    sagas.start();
    const refused = async (): Promise<boolean> => (await handle.status()).attempts > 0;
    await until('it was given back', refused);
    await server.sql('drop trigger refuse on sluice_saga_fence');
    expect(await handle.result({ timeout: 20_000 })).toBe(1);
    await sagas.stop();
  });
});

describe('a step that the server refuses with its COMMIT', () => {
  it('fails, although the refusal is that of a key', async () => {
    const database = server.open();
    await server.sql('create table once (id int unique deferrable initially deferred)');
    await server.sql('insert into once values (1)');
    let undone = 0;
    const order = defineSaga('refused', async (saga) => {
      await saga.step('first', () => 1, { compensate: () => void (undone += 1) });
      await saga.step('again', () => database.current.query('insert into once values (1)').then(() => 1));
    });
    const sagas = createSagas(database, { sagas: { order }, ...quick });
    const error = await rejection(sagas.order.run(undefined, { id: 'a', timeout: 20_000 }));
    expect(error).toMatchObject({ code: 'SAGA_FAILED', step: 'again' });
    expect(undone).toBe(1);
    await sagas.stop();
  });
});

describe('a cancelled saga whose records come late', () => {
  it('is undone with all that they say', async () => {
    const [database, locker] = [server.open(), server.open()];
    let undone = 0;
    const order = defineSaga('late', async (saga) => {
      await saga.step('one', () => 1, { compensate: () => void (undone += 1) });
      await saga.waitFor('go');
    });
    const first = createSagas(database, { sagas: { order }, ...quick });
    const handle = await first.order.start(undefined, { id: 'a' });
    first.start();
    await until('it waits', async () => (await handle.status()).status === 'waiting');
    await first.stop();
    const second = createSagas(database, { sagas: { order }, ...quick });
    await second.order.get('a').cancel();
    const [locked, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = locker.transaction(async () => {
      await locker.query("select 1 from sluice_saga_fence where saga = 'late' for update");
      locked.resolve();
      await over.promise;
    });
    await locked.promise;
    second.start();
    const waits = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await until('it waits for its records', async () => (await server.sql(waits)).length > 0);
    // Longer than a body that has asked for everything is waited for.
    const since = performance.now();
    await until('it has waited for long', () => performance.now() - since > 1_500);
    over.resolve();
    await holding;
    expect(await rejection(second.order.get('a').result({ timeout: 20_000 }))).toMatchObject({
      code: 'SAGA_CANCELLED',
    });
    expect(undone).toBe(1);
    await second.stop();
  });
});

describe('a driver that was frozen for longer than its saga is kept', () => {
  it('takes up nothing, although no fence is left', async () => {
    const database = server.open();
    const order = defineSaga('order', async (saga) => await saga.step('one', () => 1));
    const sagas = createSagas(database, { sagas: { order }, ...quick });
    await sagas.order.run(undefined, { id: 'old' });
    await sagas.stop();
    expect(await forgetEndedSagas(database, { olderThan: 0 })).toBeGreaterThan(0);
    const saga = { saga: 'order', id: 'old', definition: 'order@1', input: null, context: '{}', seed: '' };
    const records = new SagaRecords(database.current, claimOf({ ...saga, parent: undefined, createdAt: 0 }));
    expect(await rejection(records.load(true))).toBeInstanceOf(FencedOff);
    expect(await rejection(records.assertOwn())).toBeInstanceOf(FencedOff);
  });
});

describe('tables of another version', () => {
  it('are a clear error, and what is begun goes on once when they are as they should be', async () => {
    const database = server.open();
    let ran = 0;
    const order = defineSaga('order', async (saga) => await saga.step('one', () => (ran += 1)));
    const sagas = createSagas(database, { sagas: { order }, ...quick });
    const handle = await sagas.order.start(undefined, { id: 'b' });
    const expected = { code: 'SAGA_TABLES_MISSING', message: expect.stringContaining('createSagaTables') };

    await server.sql('alter table sluice_saga rename column status to status_');
    for (const call of [() => sagas.order.start(undefined, { id: 'c' }), () => handle.status(), () => handle.cancel()])
      expect(await rejection(call())).toMatchObject(expected);
    await server.sql('alter table sluice_saga rename column status_ to status');

    const errors: unknown[] = [];
    const note = (message: unknown): unknown => errors.push((message as { error: unknown }).error);
    subscribe(channelNames.backgroundError, note);
    await server.sql('alter table sluice_saga_step rename column place to place_');
    sagas.start();
    await until('it was tried', () => errors.length > 0);
    unsubscribe(channelNames.backgroundError, note);
    expect(errors[0]).toMatchObject(expected);
    await server.sql('alter table sluice_saga_step rename column place_ to place');
    expect(await handle.result({ timeout: 20_000 })).toBe(1);
    expect(ran).toBe(1);
    await sagas.stop();
  });
});
