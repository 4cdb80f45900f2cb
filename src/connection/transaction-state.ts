/** How a physical transaction ended. `unknown`: the connection was lost during COMMIT. */
export type Outcome = 'committed' | 'rolledBack' | 'unknown';

/**
 * The life of a physical transaction.
 * `unstarted`: no BEGIN has been sent. `started`: the server has it open. `lost`: its connection is
 * dead or in doubt, so it can only have been rolled back. `ending`: COMMIT or ROLLBACK is under way.
 */
export type TransactionState = 'unstarted' | 'started' | 'lost' | 'ending' | Outcome;

const transitions: Readonly<Record<TransactionState, readonly TransactionState[]>> = {
  unstarted: ['started', 'lost', 'ending'],
  started: ['lost', 'ending'],
  lost: ['ending'],
  ending: ['committed', 'rolledBack', 'unknown'],
  committed: [],
  rolledBack: [],
  unknown: [],
};

/** Returns `to` if a transaction may go there from `from`. @throws RangeError naming both otherwise */
export function transition(from: TransactionState, to: TransactionState): TransactionState {
  if (!transitions[from].includes(to)) throw new RangeError(`a transaction cannot go from ${from} to ${to}`);
  return to;
}

/** From where the answer to a COMMIT is missing. */
export function toEnding(from: TransactionState): TransactionState {
  const begun = from === 'unstarted' ? transition(from, 'started') : from;
  return begun === 'ending' ? begun : transition(begun, 'ending');
}

/** How a transaction ended, and the error that the caller gets for it, if any. */
export interface Ending {
  readonly outcome: Outcome;
  readonly failure: { readonly error: unknown } | undefined;
}

export function isOutcome(state: TransactionState): state is Outcome {
  return state === 'committed' || state === 'rolledBack' || state === 'unknown';
}

/** Whether what its chain does can still make it wait: neither COMMIT nor ROLLBACK is under way. */
export function isLive(state: TransactionState): boolean {
  return state === 'started' || state === 'unstarted' || state === 'lost';
}
