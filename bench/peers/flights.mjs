// postgres.js at its best: it prepares statements, and sends those that do not wait for each other at once.
import postgres from 'postgres';

export function openPostgresJs(url, table) {
  const sql = postgres(url, { max: 10, onnotice() {} });
  const name = sql.unsafe(table);
  return {
    updates: (ids) => sql.begin((tx) => ids.map((id) => tx`update ${name} set value = value + 1 where id = ${id}`)),
    async settings(tenant, id) {
      const [, [row]] = await sql.begin((tx) => [
        tx`select set_config('app.tenant', ${tenant}, true)`,
        tx`update ${name} set value = value + 1 where id = ${id} returning current_setting('app.tenant') as tenant`,
      ]);
      return row.tenant;
    },
    read: async (id) => (await sql`select id from ${name} where id = ${id}`)[0]?.id,
    close: () => sql.end(),
  };
}
