export {
  contextChecks,
  type ContextOptions,
  type ContextValues,
  type CurrentContext,
  currentContext,
  largestContext,
  withContext,
} from './ambient-context.ts';
export type { Ancestor, BackendIdentity, ChainContext } from './chain-context.ts';
export {
  type AmbientScope,
  ancestorsOf,
  type ClientIdentity,
  describeTransactions,
  Frame,
  type FrameChange,
  type HookSink,
  nearestLive,
  type OpenTransaction,
} from './frame.ts';
export { BaseLevel } from './base-level.ts';
export { findFrame, findPlace, holdsAtOrAbove, levelBeside, levelIsolated, type Place } from './place.ts';
export { currentFrame, frameOfCall, runInFrame } from './frame-storage.ts';
