import { EntitySchema, MikroORM, TransactionPropagation } from '@mikro-orm/core';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';

export const name = 'MikroORM';

const execute = (em, text, id) =>
  em.getConnection().execute(text.replace('$1', '?'), [id], 'run', em.getTransactionContext());

export async function open({ url, width, update, read }) {
  const orm = await MikroORM.init({
    driver: PostgreSqlDriver,
    clientUrl: url,
    entities: [new EntitySchema({ name: 'Unused', properties: { id: { type: 'number', primary: true } } })],
    pool: { min: 0, max: width },
    debug: false,
  });
  const inside = (body) => (em) =>
    body({
      update: (id) => execute(em, update, id),
      nested: (inner) => em.transactional(inner, { propagation: TransactionPropagation.NESTED }),
      joined: (inner) => em.transactional(inner, { propagation: TransactionPropagation.REQUIRED }),
    });
  return {
    run: (body, { isolation } = {}) => orm.em.fork().transactional(inside(body), { isolationLevel: isolation }),
    requiresNew: (body) => orm.em.fork().transactional(inside(body)),
    read: (id) => orm.em.getConnection().execute(read.replace('$1', '?'), [id]),
    close: () => orm.close(true),
  };
}
