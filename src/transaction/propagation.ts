/**
 * What a scope does where a transaction is open, or is not; the words are Spring's.
 *
 * ```ts
 * await database.transaction(() => writeAudit('checkout'), { propagation: Propagation.REQUIRES_NEW });
 * ```
 */
export const Propagation = {
  /** Joins the open transaction; without one, begins one. The default. */
  REQUIRED: 'REQUIRED',
  /** Joins the open transaction; without one, runs without. */
  SUPPORTS: 'SUPPORTS',
  /** Joins the open transaction; without one, throws `TransactionRequiredError`. */
  MANDATORY: 'MANDATORY',
  /** Always begins an independent transaction, on a connection of its own. */
  REQUIRES_NEW: 'REQUIRES_NEW',
  /** Runs without a transaction; an open one is suspended. */
  NOT_SUPPORTED: 'NOT_SUPPORTED',
  /** Runs without a transaction; inside one, throws `TransactionNotAllowedError`. */
  NEVER: 'NEVER',
  /** Inside a transaction, runs in a savepoint that can be rolled back alone; without one, begins one. */
  NESTED: 'NESTED',
} as const;

export type Propagation = (typeof Propagation)[keyof typeof Propagation];

/**
 * `plain`: run without a transaction. `suspend`: run without one while one is open, on another connection.
 * `required` and `forbidden` are the two refusals.
 */
export type PropagationAction = 'join' | 'begin' | 'nest' | 'plain' | 'suspend' | 'required' | 'forbidden';

/** What each propagation does: without a transaction, and inside one. */
export const propagationTable: Readonly<
  Record<Propagation, { readonly outside: PropagationAction; readonly inside: PropagationAction }>
> = {
  REQUIRED: { outside: 'begin', inside: 'join' },
  SUPPORTS: { outside: 'plain', inside: 'join' },
  MANDATORY: { outside: 'required', inside: 'join' },
  REQUIRES_NEW: { outside: 'begin', inside: 'begin' },
  NOT_SUPPORTED: { outside: 'plain', inside: 'suspend' },
  NEVER: { outside: 'plain', inside: 'forbidden' },
  NESTED: { outside: 'begin', inside: 'nest' },
};
