export {
  type InDoubtDetails,
  TwoPhaseAbortedError,
  TwoPhaseInDoubtError,
  TwoPhaseInTransactionError,
  TwoPhasePreparedError,
  TwoPhasePrepareError,
  TwoPhaseTablesMissingError,
  TwoPhaseUnsupportedError,
} from './errors.ts';
export {
  type RecoveredPart,
  recoverTwoPhase,
  type RecoverTwoPhaseOptions,
  type RecoveryFailure,
  type TwoPhaseRecovery,
} from './recover.ts';
export { createTwoPhaseTables, twoPhaseTablesSql } from './tables.ts';
export { twoPhase, type TwoPhaseOptions } from './two-phase.ts';
