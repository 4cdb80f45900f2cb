// Tables that are missing, or that an older version has made: a clear error before anything has begun.
import { describe, expect, it } from 'vitest';
import { createIdempotencyTables, idempotent } from '../../src/ports/idempotency/index.ts';
import { addToOutbox, createOutboxTables, createRelay, findInInbox, recordInInbox } from '../../src/outbox/index.ts';
import { createSagas, createSagaTables, defineSaga } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();

describe('tables of another version', () => {
  it('of sagas', async () => {
    const database = server.open();
    const saga = defineSaga('older', async (older) => await older.step('one', () => 1));
    await using sagas = createSagas(database, { sagas: { saga } });
    const error = { code: 'SAGA_TABLES_MISSING', remedy: expect.stringContaining('createSagaTables') as string };
    expect(await rejection(sagas.saga.start())).toMatchObject(error);
    await createSagaTables(database.current);
    await server.sql('alter table sluice_saga drop column parent_step');
    expect(await rejection(sagas.saga.start())).toMatchObject(error);
    expect(await server.sql('select id from sluice_saga')).toEqual([]);
  });

  it('of idempotent calls', async () => {
    const database = server.open();
    let runs = 0;
    const call = (): Promise<unknown> =>
      idempotent(database, { key: 'k', scope: 's', fingerprint: 'f' }, () => {
        runs += 1;
        return 1;
      });
    const error = {
      code: 'IDEMPOTENCY_TABLES_MISSING',
      remedy: expect.stringContaining('createIdempotencyTables') as string,
    };
    expect(await rejection(call())).toMatchObject(error);
    await createIdempotencyTables(database.current);
    await server.sql('alter table sluice_idempotency drop column claimant');
    expect(await rejection(call())).toMatchObject(error);
    expect(runs).toBe(0);
  });

  it('of the outbox and inbox', async () => {
    const database = server.open();
    const reads = createRelay(database, { channel: 'mail', deliver: () => Promise.resolve() });
    const error = { code: 'OUTBOX_MISSING', remedy: expect.stringContaining('createOutboxTables') as string };
    const add = (): Promise<void> => addToOutbox(database.current, [{ channel: 'mail', queue: 'orders', payload: 1 }]);
    const record = (): Promise<void> => recordInInbox(database.current, 'mail', 'id', '1');
    const find = (): Promise<unknown> => findInInbox(database.current, 'mail', ['id']);
    const calls = [add, record, find, () => reads.drain()];
    for (const call of calls) expect(await rejection(call())).toMatchObject(error);
    await createOutboxTables(database.current);
    // As the tables of a version without queues and results.
    await server.sql('alter table sluice_outbox rename column queue to earlier');
    await server.sql('alter table sluice_inbox rename column result to earlier');
    for (const call of calls) expect(await rejection(call())).toMatchObject(error);
    expect(await server.sql('select message_id from sluice_inbox')).toEqual([]);
  });
});
