export { findStandstills } from './find-standstills.ts';
export { formatHolders } from './format-holders.ts';
export { formatStandstills } from './format-standstills.ts';
export type {
  ConnectionWaiting,
  HolderInfo,
  HolderWait,
  InnerWait,
  LockOwner,
  LockWaiting,
  PlainWait,
  RunningText,
} from './holder-info.ts';
export { IdleWatch } from './idle-watch.ts';
export { type Activity, lookAtNamed, lookAtTransaction, type Running } from './look.ts';
export type { FindStandstillsOptions, Standstill, StandstillMember } from './standstill.ts';
export { traceHook } from './trace-hook.ts';
export { type OnSent, type StatementPlace, traceStatements } from './trace-statements.ts';
export { type Failed, traceCommit, traceScope, traceTransaction } from './trace-transaction.ts';
