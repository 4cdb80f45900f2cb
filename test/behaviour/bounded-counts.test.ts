// Counts of tables that only grow: what is counted has a bound, and what is not counted is not read.
import { beforeEach, describe, expect, it } from 'vitest';
import { createEventTables, publicationCounts } from '../../src/events/index.ts';
import type { Db } from '../../src/index.ts';
import { createOutboxTables, receivedCounts } from '../../src/outbox/index.ts';
import { createSagaTables, listSagas, sagaCounts } from '../../src/saga/index.ts';
import { engine, itWith, useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase();
/** How many there are of what has ended. */
const many = 3_000;

const numbers = (count: number, from = 1): readonly number[] => Array.from({ length: count }, (_, at) => from + at);
const insertAll = async (into: string, rows: readonly string[]): Promise<void> => {
  await server.sql(`insert into ${into} values ${rows.join(', ')}`);
};

/** Each listener has one of each state. */
async function addPublications(completed: number, listeners: readonly string[]): Promise<void> {
  const columns = 'sluice_event_publication (event_id, event, listener, payload, context, state, completed_at)';
  const row = (listener: string, state: string, at = 'null'): string =>
    `('e', 'order.placed', '${listener}', '{}', '{}', '${state}', ${at})`;
  const done = numbers(completed).map(() => row('mail', 'completed', 'current_timestamp'));
  const open = listeners.flatMap((each) => ['published', 'processing', 'failed'].map((state) => row(each, state)));
  await insertAll(columns, [...done, ...open]);
}

/** Of those that have ended every hundredth has failed, and the last two. */
async function addSagas(ended: number, waiting: number): Promise<void> {
  const columns = 'sluice_saga (saga, id, definition, status, context, seed, created_at, ended_at, waits_for)';
  const row = (n: number, status: string, endedAt: string, waits: string): string =>
    `('order', '${n}', 'order@1', '${status}', '{}', 's', ${n}, ${endedAt}, ${waits})`;
  const failed = (n: number): boolean => n % 100 === 0 || n > ended - 2;
  const done = numbers(ended).map((n) => row(n, failed(n) ? 'failed' : 'completed', String(n), 'null'));
  const open = numbers(waiting, ended + 1).map((n) => row(n, 'running', 'null', `'{"names":["wrapped"]}'`));
  await insertAll(columns, [...done, ...open]);
}

beforeEach(async () => {
  // New ones, of which nothing was read.
  for (const table of ['sluice_event_publication', 'sluice_saga', 'sluice_parked_message'])
    await server.sql(`drop table if exists ${table}`);
  const database = server.open();
  await createEventTables(database.current);
  await createSagaTables(database.current);
  await createOutboxTables(database.current);
  await database.close();
});

describe('counts with a bound', () => {
  it('say of publications that there may be more, and count the oldest', async () => {
    const db = server.open().current;
    await addPublications(5, ['invoice', 'mail']);
    const all = await publicationCounts(db);
    const one = { event: 'order.placed', published: 1, processing: 1, failed: 1, hasMore: false };
    expect(all).toMatchObject([
      { listener: 'invoice', ...one },
      { listener: 'mail', ...one },
    ]);
    expect(await publicationCounts(db, { limit: 6 })).toMatchObject(all.map(({ listener }) => ({ listener, ...one })));
    const [first, ...others] = await publicationCounts(db, { limit: 2 });
    expect(first).toMatchObject({ listener: 'invoice', published: 1, processing: 1, failed: 1, hasMore: true });
    expect(others).toEqual([]);
  });

  it('say of sagas that there may be more, and count the last that have ended and the oldest that have not', async () => {
    const db = server.open().current;
    await addSagas(250, 7);
    const whole = { saga: 'order', hasMore: false };
    const waiting = { ...whole, status: 'waiting', count: 7 };
    const exact = [{ ...whole, status: 'completed', count: 246 }, { ...whole, status: 'failed', count: 4 }, waiting];
    expect(await sagaCounts(db)).toEqual(exact);
    expect(await sagaCounts(db, { ended: 250, unfinished: 7 })).toEqual(exact);
    expect(await sagaCounts(db, { ended: 9 })).toEqual([
      { saga: 'order', hasMore: true, status: 'completed', count: 8 },
      { saga: 'order', hasMore: true, status: 'failed', count: 2 },
      waiting,
    ]);
    expect(await sagaCounts(db, { unfinished: 5, ended: 1_000 })).toEqual([
      ...exact.slice(0, 2),
      { saga: 'order', hasMore: true, status: 'waiting', count: 6 },
    ]);
  });

  it('say of messages that were set aside that there may be more', async () => {
    const db = server.open().current;
    const row = (topic: string, due: string): string => `('${topic}', 'stock', '{}', '1', 'failed', 'no', 1, ${due})`;
    const columns = 'sluice_parked_message (topic, consumer, headers, body, reason, error, attempts, due_at)';
    await insertAll(columns, [row('orders', 'null'), row('orders', 'current_timestamp'), row('gifts', 'null')]);
    const whole = { group: 'stock', hasMore: false };
    const exact = [
      { ...whole, topic: 'gifts', parked: 1, due: 0 },
      { ...whole, topic: 'orders', parked: 2, due: 1 },
    ];
    expect(await receivedCounts(db)).toEqual(exact);
    expect(await receivedCounts(db, { limit: 3 })).toEqual(exact);
    expect(await receivedCounts(db, { limit: 1 })).toEqual([
      { topic: 'orders', group: 'stock', parked: 2, due: 1, hasMore: true },
    ]);
  });

  itWith('sessions').each<[what: string, most: number, ask: (db: Db) => Promise<unknown>]>([
    ['publications that are not completed', 50, (db) => publicationCounts(db)],
    ['sagas', 100, (db) => sagaCounts(db, { unfinished: 100, ended: 10 })],
    ['a list of sagas that are stuck', 50, (db) => listSagas(db, { status: 'stuck' })],
  ])('do not read what they do not count: %s', async (_, most, ask) => {
    await addPublications(many, ['invoice', 'mail']);
    await addSagas(many, 5);
    await server.sql(`analyze ${engine.name === 'mariadb' ? 'table sluice_event_publication, sluice_saga' : ''}`);
    const read = await rowsRead(ask);
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(most);
  });
});

/** How many rows of tables the server reads for what is asked. */
async function rowsRead(ask: (db: Db) => Promise<unknown>): Promise<number> {
  const database = server.open({ max: 1 });
  const counted = (rows: readonly Readonly<Record<string, unknown>>[]): number =>
    rows.reduce((sum, row) => sum + Number(row['Value'] ?? row['rows_read']), 0);
  if (engine.name === 'mariadb')
    return await database.transaction(async () => {
      const status = async (): Promise<number> =>
        counted((await database.query("show session status like 'Handler\\_read\\_%'")).rows);
      const [before, between] = [await status(), await status()];
      await ask(database.current);
      return (await status()) - between - (between - before);
    });
  const stats = async (): Promise<number> =>
    counted(
      await server.sql(`select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) as rows_read
        from pg_stat_user_tables where relname like 'sluice%'`),
    );
  const before = await stats();
  await ask(database.current);
  // A connection tells what it has read at its end.
  await database.close();
  await until('the connection has ended', async () => (await server.connections()) === 0);
  return (await stats()) - before;
}
