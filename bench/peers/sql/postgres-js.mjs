import postgres from 'postgres';

export const name = 'postgres.js';

export async function open({ url, width, table }) {
  const sql = postgres(url, { max: width });
  const run = (body, { isolation } = {}) => {
    const inside = (tx) =>
      body({
        update: (id) => tx`update ${tx(table)} set value = value + 1 where id = ${id}`,
        nested: (inner) => tx.savepoint(inner),
      });
    return isolation === undefined ? sql.begin(inside) : sql.begin(`isolation level ${isolation}`, inside);
  };
  return {
    run,
    requiresNew: run,
    read: (id) => sql`select value from ${sql(table)} where id = ${id}`,
    close: () => sql.end(),
  };
}
