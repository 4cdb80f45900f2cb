import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { addToOutbox, createOutboxTables, OutboxUnknownError } from '../../src/outbox/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
let proxy: FaultProxy;
let database: Database<'default'>;

beforeEach(async () => {
  proxy = await startFaultProxy(server.url);
  database = server.open({ connectionString: proxy.url, max: 1 });
  await createOutboxTables(database.current);
  await server.sql('delete from sluice_outbox');
});
afterEach(() => proxy.close());

const messages = [1, 2].map((payload) => ({ channel: 'nats', queue: 'order', payload }));
const ids = async (): Promise<string[]> =>
  (await server.sql<{ job_id: string }>('select job_id from sluice_outbox order by id')).map(({ job_id }) => job_id);

describe('messages that are written outside of a transaction, whose answer is lost', () => {
  it('are there once', async () => {
    proxy.setAfter('insert into sluice_outbox', 'down', { type: 'cut', after: 0 });
    await addToOutbox(database.current, messages);
    expect(await ids()).toHaveLength(2);
  });

  it('are written again where they did not come to the server', async () => {
    await database.current.query('select 1');
    proxy.set('up', { type: 'cut', after: 20 });
    await addToOutbox(database.current, messages);
    expect(await ids()).toHaveLength(2);
  });

  it('are named where that stays unknown', async () => {
    await database.current.query('select 1');
    proxy.setAfter('insert into sluice_outbox', 'down', { type: 'cut', after: 0 });
    const writing = rejection(addToOutbox(database.current, messages));
    proxy.refuse(true);
    const error = await writing;
    expect(error).toBeInstanceOf(OutboxUnknownError);
    if (!(error instanceof OutboxUnknownError)) return;
    expect(error).toMatchObject({ code: 'OUTBOX_UNKNOWN', ids: await ids() });
    proxy.refuse(false);
    // They are the same to whoever gets them.
    const again = messages.map((message, at) => ({ ...message, id: error.ids[at] }));
    await addToOutbox(database.current, again);
    expect(new Set(await ids()).size).toBe(2);
  });
});
