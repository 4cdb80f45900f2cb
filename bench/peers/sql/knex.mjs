import knexPackage from 'knex';

export const name = 'Knex';

export async function open({ url, width, update, read }) {
  const knex = knexPackage({ client: 'pg', connection: url, pool: { min: 0, max: width } });
  const run = (body, { isolation } = {}) =>
    knex.transaction(
      (tx) =>
        body({
          update: (id) => tx.raw(update.replace('$1', '?'), [id]),
          nested: (inner) => tx.transaction(inner),
        }),
      isolation === undefined ? {} : { isolationLevel: isolation },
    );
  return {
    run,
    requiresNew: run,
    read: (id) => knex.raw(read.replace('$1', '?'), [id]),
    close: () => knex.destroy(),
  };
}
