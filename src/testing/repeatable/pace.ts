/** How long one run took, in milliseconds, where a body may measure it. */
export interface Took {
  /** All of it. */
  readonly total: number;
  /** From the first attempt of a transaction to its second one, at most. */
  readonly toRepeat: number;
  /** An exchange with the server, at most. */
  readonly exchange: number;
  readonly exchanges: number;
  readonly transactions: number;
}

/** How long a run is held up, in milliseconds. */
export interface Holds {
  /** Before each transaction with `retry`. */
  readonly transaction: number;
  /** Before each exchange. */
  readonly exchange: number;
}

/** One that takes no longer than the first of all, while others are held up by chance. */
export const notHeld: Holds = { transaction: 0, exchange: 0 };

/** How much more than what was seen, for what happens to take longer. */
const spare = { toRepeat: 50, exchange: 20 };

/**
 * How long a run without a second attempt has to be held up, so that whatever a body measures takes longer in it than in runs with
 * one: what a body makes of that differs then between runs without a second attempt, too.
 * @param timeout how long a run may take
 */
export function holdsBeyond(runs: readonly Took[], timeout: number): Holds {
  const most = (key: keyof Took): number => Math.max(0, ...runs.map((took) => took[key]));
  // It has to end in time, too.
  const share = Math.max(0, timeout - 2 * most('total')) / 4;
  return {
    transaction: Math.min(2 * most('toRepeat') + spare.toRepeat, share / Math.max(1, most('transactions'))),
    exchange: Math.min(2 * most('exchange') + spare.exchange, share / Math.max(1, most('exchanges'))),
  };
}

/** Whether a run took less than one that is held up. */
export function isShorter({ toRepeat, exchange }: Took, holds: Holds): boolean {
  return toRepeat < holds.transaction && exchange < holds.exchange;
}
