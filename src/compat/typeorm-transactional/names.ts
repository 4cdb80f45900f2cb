/** What happens where a transaction is open already. */
export const Propagation = {
  /** Joins the open transaction; without one it is refused. */
  MANDATORY: 'MANDATORY',
  /** A savepoint in the open transaction; without one a new transaction. */
  NESTED: 'NESTED',
  /** No transaction; inside of one it is refused. */
  NEVER: 'NEVER',
  /** No transaction: statements commit by themselves, on another connection. */
  NOT_SUPPORTED: 'NOT_SUPPORTED',
  /** Joins the open transaction; without one a new transaction. The default. */
  REQUIRED: 'REQUIRED',
  /** A new transaction, independent of the open one. */
  REQUIRES_NEW: 'REQUIRES_NEW',
  /** Joins the open transaction; without one no transaction. */
  SUPPORTS: 'SUPPORTS',
} as const;
/** One of `Propagation`. */
export type Propagation = (typeof Propagation)[keyof typeof Propagation];

/** The isolation levels, spelled as SQL has them. */
export const IsolationLevel = {
  /** On PostgreSQL the same as READ COMMITTED. */
  READ_UNCOMMITTED: 'READ UNCOMMITTED',
  /** Each statement sees what was committed before it. */
  READ_COMMITTED: 'READ COMMITTED',
  /** All statements see what was committed before the first one. */
  REPEATABLE_READ: 'REPEATABLE READ',
  /** As if the transactions had run one after the other. */
  SERIALIZABLE: 'SERIALIZABLE',
} as const;
/** One of `IsolationLevel`. */
export type IsolationLevel = (typeof IsolationLevel)[keyof typeof IsolationLevel];

/** How the context is kept. Each of them means `AsyncLocalStorage` here. */
export const StorageDriver = {
  /** `AsyncLocalStorage`. */
  AUTO: 'AUTO',
  /** `AsyncLocalStorage`, too: there is no `cls-hooked` here. */
  CLS_HOOKED: 'CLS_HOOKED',
  /** `AsyncLocalStorage`. */
  ASYNC_LOCAL_STORAGE: 'ASYNC_LOCAL_STORAGE',
} as const;
/** One of `StorageDriver`. */
export type StorageDriver = (typeof StorageDriver)[keyof typeof StorageDriver];
