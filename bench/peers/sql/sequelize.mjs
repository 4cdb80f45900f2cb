import { Sequelize } from 'sequelize';

export const name = 'Sequelize';

export async function open({ url, width, update, read }) {
  const sequelize = new Sequelize(url, { logging: false, pool: { max: width } });
  const run = (body, { isolation } = {}) =>
    sequelize.transaction({ isolationLevel: isolation?.toUpperCase() }, (transaction) =>
      body({
        update: (id) => sequelize.query(update, { bind: [id], transaction }),
        nested: (inner) => sequelize.transaction({ transaction }, inner),
      }),
    );
  return {
    run,
    requiresNew: run,
    read: (id) => sequelize.query(read, { bind: [id] }),
    close: () => sequelize.close(),
  };
}
