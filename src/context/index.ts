export {
  contextChecks,
  type ContextOptions,
  type ContextValues,
  type CurrentContext,
  currentContext,
  largestContext,
  withContext,
} from './ambient-context.ts';
export { type Begun, beforeAll, closings, notBegun, noteClosing, toTheEnd } from './closings.ts';
export type { Ancestor, BackendIdentity, ChainContext } from './chain-context.ts';
export {
  type AmbientScope,
  ancestorsOf,
  chainIdOf,
  type ClientIdentity,
  currentFrame,
  describeTransactions,
  Frame,
  type FrameChange,
  frameOfCall,
  type HookSink,
  nearestLive,
  type OpenTransaction,
  runBare,
  runBareAtEnd,
  runInFrame,
} from './frame.ts';
export { BaseLevel, type HeldByJob } from './base-level.ts';
export {
  type ForeignWaiting,
  type HookWait,
  type JobWait,
  type NotedWait,
  type RecordedClient,
  TransactionRecord,
  type TurnWait,
  type HistoryNote,
} from './transaction-record.ts';
export {
  assertTakes,
  findFrame,
  findPlace,
  holdsAtOrAbove,
  levelBeside,
  levelIsolated,
  type Place,
  refuseInside,
} from './place.ts';
