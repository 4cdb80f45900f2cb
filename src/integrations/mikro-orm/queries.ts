import type { Db } from '../../index.ts';
import type { WithTransactional } from './connection.ts';
import type { EntityManagerLike } from './entity-manager.ts';

type Rest = [type: unknown, convert: unknown, logger: unknown, alias: unknown, em?: EntityManagerLike];

/** A driver of MikroORM. */
export interface WithQueries {
  createQueryBuilder(entity: unknown, transaction?: unknown, ...rest: Rest): unknown;
}

/**
 * Gives queries in the ambient transaction the handle of one, without which MikroORM refuses to lock rows: the Kysely
 * over the ambient pool, whose statements join.
 */
export function bindQueries(driver: WithQueries, connection: WithTransactional, db: Db): void {
  const createQueryBuilder = driver.createQueryBuilder.bind(driver);
  Object.assign(driver, {
    createQueryBuilder(entity: unknown, transaction: unknown, ...rest: Rest): unknown {
      const [, , , , em] = rest;
      const joins = transaction === undefined && db.inTransaction && em?.getTransactionSessionContext?.() === undefined;
      return createQueryBuilder(entity, joins ? connection.getClient() : transaction, ...rest);
    },
  });
}
