import { type ErrorDetails, SluiceError } from '../../core/index.ts';

/** The tables in which decisions are written are not there. */
export class TwoPhaseTablesMissingError extends SluiceError {
  static override readonly code = 'TWO_PHASE_TABLES_MISSING';
  override readonly code = 'TWO_PHASE_TABLES_MISSING';
}

/** The engine of a client, or its server as it is configured, cannot prepare transactions. */
export class TwoPhaseUnsupportedError extends SluiceError {
  static override readonly code = 'TWO_PHASE_UNSUPPORTED';
  override readonly code = 'TWO_PHASE_UNSUPPORTED';
}

/** `twoPhase` or `recoverTwoPhase` was called inside of a transaction, which would not commit with it. */
export class TwoPhaseInTransactionError extends SluiceError {
  static override readonly code = 'TWO_PHASE_IN_TRANSACTION';
  override readonly code = 'TWO_PHASE_IN_TRANSACTION';
}

/** A server refused to prepare its part, for the reason in `cause`; all parts are rolled back. */
export class TwoPhasePrepareError extends SluiceError {
  static override readonly code = 'TWO_PHASE_PREPARE';
  override readonly code = 'TWO_PHASE_PREPARE';
}

/** A hook before the commit wanted a client whose part is prepared, and what it sends there would commit by itself. Nothing was sent. */
export class TwoPhasePreparedError extends SluiceError {
  static override readonly code = 'TWO_PHASE_PREPARED';
  override readonly code = 'TWO_PHASE_PREPARED';
}

/** A recovery took this process for dead and has decided that the transaction is rolled back, in front of its own decision. */
export class TwoPhaseAbortedError extends SluiceError {
  protected static override readonly isRetryable = true;
  static override readonly code = 'TWO_PHASE_ABORTED';
  override readonly code = 'TWO_PHASE_ABORTED';
}

/** Details of a `TwoPhaseInDoubtError`. */
export interface InDoubtDetails extends ErrorDetails {
  /** Names the transaction in the table of decisions. */
  readonly id: string;
  /** What is decided; nothing where that is not known. */
  readonly decision: 'committed' | undefined;
  /** The clients on which it may still be prepared. */
  readonly clientNames: readonly string[];
  /** What the body returned, where the decision is known. */
  readonly result: unknown;
}

/** An answer was lost while the parts were being committed. Recovery ends them, all in the same way. */
export class TwoPhaseInDoubtError extends SluiceError {
  static override readonly code = 'TWO_PHASE_IN_DOUBT';
  override readonly code = 'TWO_PHASE_IN_DOUBT';
  /** Names the transaction in the table of decisions. */
  readonly id: string;
  /** `committed`: it is committed, and seen as such on all clients after recovery. `undefined`: recovery finds out. */
  readonly decision: 'committed' | undefined;
  /** The clients on which it may still be prepared, with its locks. */
  readonly clientNames: readonly string[];
  /** What the body returned, where it is committed. */
  readonly result: unknown;

  constructor(details: InDoubtDetails) {
    super(details);
    this.id = details.id;
    this.decision = details.decision;
    this.clientNames = details.clientNames;
    this.result = details.result;
  }
}
