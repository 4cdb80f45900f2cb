import 'reflect-metadata';
import { DataSource } from 'typeorm';
import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  Propagation,
  runInTransaction,
} from 'typeorm-transactional';

export const name = 'typeorm-transactional';

export async function open({ url, width, update, read }) {
  initializeTransactionalContext();
  // One for each arena that is open at the same time.
  const dataSource = addTransactionalDataSource({
    name: url,
    dataSource: new DataSource({ type: 'postgres', url, poolSize: width }),
  });
  await dataSource.initialize();
  const scope = {
    update: (id) => dataSource.manager.query(update, [id]),
    // With more callers than connections its NESTED hangs, so there is nothing to be measured.
    joined: (inner) => runInTransaction(inner, { connectionName: url }),
  };
  return {
    run: (body, { isolation } = {}) =>
      runInTransaction(() => body(scope), { connectionName: url, isolationLevel: isolation?.toUpperCase() }),
    requiresNew: (body) =>
      runInTransaction(() => body(scope), { connectionName: url, propagation: Propagation.REQUIRES_NEW }),
    read: (id) => dataSource.manager.query(read, [id]),
    close: () => dataSource.destroy(),
  };
}
