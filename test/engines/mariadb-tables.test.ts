// The tables of Sluice's own on MariaDB: how their text compares, and what becomes of tables that compare otherwise.
import { beforeEach, describe, expect, it } from 'vitest';
import { createEventTables } from '../../src/events/index.ts';
import { createTwoPhaseTables } from '../../src/experimental/two-phase/index.ts';
import type { Database } from '../../src/index.ts';
import { createOutboxTables, findInInbox, outboxTablesSql, recordInInbox } from '../../src/outbox/index.ts';
import { createIdempotencyTables } from '../../src/ports/idempotency/index.ts';
import { createSagaTables } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';

const server = useTestDatabase();
const own = `from information_schema.tables where table_schema = database() and table_name like 'sluice%'`;
let database: Database<'default'>;

beforeEach(async () => {
  database = server.open();
  for (const { name } of await server.sql(`select table_name as name ${own}`)) {
    await server.sql(`drop table ${String(name)}`);
  }
});

describe('the tables of Sluice', () => {
  it('take no two texts for the same that are not', async () => {
    const creators = [
      createSagaTables,
      createOutboxTables,
      createEventTables,
      createIdempotencyTables,
      createTwoPhaseTables,
    ];
    for (const create of creators) await create(database.current);
    const tables = await server.sql(`select table_collation as collation, count(*) as tables ${own} group by 1`);
    expect(tables).toEqual([{ collation: 'utf8mb4_nopad_bin', tables: 14 }]);
  });

  it('go on as they are where an older version has made them, and are altered', async () => {
    const older = outboxTablesSql('mysql').replaceAll(/\/\*.*\*\//g, 'collate utf8mb4_bin');
    for (const text of older.split(';').filter((each) => each.trim() !== '')) await server.sql(text);
    await createOutboxTables(database.current);
    const record = (id: string): Promise<void> => recordInInbox(database.current, 'mail', id, `"${id}"`);
    await record('order 1');
    await expect(record('order 1 ')).rejects.toThrow(/Duplicate/);
    await server.sql('alter table sluice_inbox convert to character set utf8mb4 collate utf8mb4_nopad_bin');
    await record('order 1 ');
    expect((await findInInbox(database.current, 'mail', ['order 1', 'order 1 '])).size).toBe(2);
  });
});
