import type { Database } from '../../src/index.ts';

/** The rows of a table that the only connection of a database has read so far: on PostgreSQL, or else on MariaDB. */
export async function rowsReadOf(
  { query }: Database<'default'>,
  table: string,
  engine: 'postgres' | 'mariadb',
): Promise<number> {
  if (engine === 'mariadb') {
    const { rows } = await query<{ Value: string }>(`show session status like 'Handler_read%'`);
    return rows.reduce((sum, { Value: value }) => sum + Number(value), 0);
  }
  await query('select pg_stat_force_next_flush()');
  const { rows } = await query<{ read: string }>(
    `select seq_tup_read + coalesce(idx_tup_fetch, 0) as read from pg_stat_user_tables where relname = $1`,
    [table],
  );
  return Number(rows[0]?.read);
}
