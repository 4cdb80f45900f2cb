// Every option of Drizzle's own transactions: it has its effect, or it is refused by its name.
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import type { PgTransactionConfig } from 'drizzle-orm/pg-core';
import { expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();

/** What the setting is then; nothing: it is refused. */
const cases: Record<keyof PgTransactionConfig, readonly [value: unknown, setting: string, is: string | undefined]> = {
  isolationLevel: ['serializable', 'transaction_isolation', 'serializable'],
  accessMode: ['read only', 'transaction_read_only', 'on'],
  deferrable: [true, 'transaction_deferrable', undefined],
};

it.each(Object.entries(cases))('%s', async (name, [value, setting, is]) => {
  const database = server.open({ max: 1 });
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const shown = db.transaction(
    async (transaction) => (await transaction.execute(sql.raw(`show ${setting}`))).rows[0]?.[setting],
    { [name]: value },
  );
  if (is === undefined) {
    const { cause, message } = await rejection(shown);
    expect(`${message} ${String(cause)}`).toMatch(/deferrable/i);
  } else {
    expect(await shown).toBe(is);
  }
  expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
});
