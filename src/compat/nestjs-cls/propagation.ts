/** What happens where a transaction is open already. */
export const Propagation = {
  /** Joins the open transaction; without one a new transaction. The default. */
  Required: 'REQUIRED',
  /** A new transaction, independent of the open one. */
  RequiresNew: 'REQUIRES_NEW',
  /** No transaction: statements commit by themselves. */
  NotSupported: 'NOT_SUPPORTED',
  /** Joins the open transaction; without one it is refused. */
  Mandatory: 'MANDATORY',
  /** No transaction; inside of one it is refused. */
  Never: 'NEVER',
  /** Joins the open transaction; without one no transaction. */
  Supports: 'SUPPORTS',
  /** A savepoint in the open transaction; without one a new transaction. */
  Nested: 'NESTED',
} as const;
/** One of `Propagation`. */
export type Propagation = (typeof Propagation)[keyof typeof Propagation];

export function isPropagation(value: unknown): value is Propagation {
  return Object.values(Propagation).some((each) => each === value);
}
