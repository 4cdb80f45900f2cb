import type { Origin } from '../../core/index.ts';
import type { TransactionOptions } from '../../transaction/index.ts';
import type { TwoPhaseClient } from './clients.ts';

/** A call of `twoPhase` that was checked. */
export interface Plan {
  /** On which the decision is written. */
  readonly first: TwoPhaseClient;
  readonly others: readonly TwoPhaseClient[];
  /** Names the database in which decisions are written. */
  readonly home: string;
  readonly options: TransactionOptions;
  /** Where it was called. */
  readonly origin: Origin;
}
