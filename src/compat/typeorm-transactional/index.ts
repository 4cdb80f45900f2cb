export {
  initializeTransactionalContext,
  getTransactionalContext,
  type TransactionalContext,
  type TypeormTransactionalOptions,
} from './context.ts';
export {
  addTransactionalDataSource,
  type AddTransactionalDataSourceInput,
  type DataSourceName,
  deleteDataSourceByName,
  getDataSourceByName,
} from './data-sources.ts';
export { TransactionalError } from './errors.ts';
export { runOnTransactionCommit, runOnTransactionComplete, runOnTransactionRollback } from './hooks.ts';
export { IsolationLevel, Propagation, StorageDriver } from './names.ts';
export { runInTransaction, Transactional, wrapInTransaction, type WrapInTransactionOptions } from './wrap.ts';
