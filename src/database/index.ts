export type { CloseOptions } from './close-clients.ts';
export type { HoldersOptions } from './holders.ts';
export {
  createDatabase,
  Database,
  type DatabaseStats,
  type DbInfo,
  type DatabaseInternals,
  internalsOf,
  type BatchFunction,
  type QueryFunction,
  type TransactionFunction,
} from './database.ts';
export { aHandle, checkHandle, clientOf, Db, type DbTransaction, isDb } from './db.ts';
export type { QueryOptions } from '../transaction/index.ts';
export { assertOpen } from './assert-open.ts';
export { enterChain } from './enter-chain.ts';
export { checkDatabase } from './database-argument.ts';
export { transactional } from './decorator.ts';
export { databaseHere, openDatabases } from './open-databases.ts';
export { AmbiguousDatabaseError, NoDatabaseError, UnboundLibraryError, UnknownClientError } from './errors.ts';
export {
  afterCommit,
  afterCompletion,
  afterRollback,
  beforeCommit,
  isTransactionActive,
  setRollbackOnly,
} from './free-functions.ts';
export { type DatabaseOptions, readDatabaseOptions } from './options.ts';
export { createContextCarrier } from './context-carrier.ts';
export type { TransactionInfo } from './transaction-info.ts';
