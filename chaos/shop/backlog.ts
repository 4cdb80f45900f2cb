import type { Database } from '../../src/index.ts';

const work = {
  messages: 'select 1 as one from sluice_outbox',
  sagas: 'select 1 as one from sluice_saga where ended_at is null',
} as const;

/** Whether more than so many messages or sagas are left to be worked on. */
export async function isBehind(database: Database<'default'>, most: number): Promise<boolean> {
  for (const those of Object.values(work)) {
    const { rows } = await database.query<{ n: unknown }>(
      `select count(*) as n from (${those} limit ${most + 1}) left_over`,
    );
    if (Number(rows[0]?.n) > most) return true;
  }
  return false;
}
