export {
  contextChecks,
  type ContextOptions,
  type ContextValues,
  type CurrentContext,
  currentContext,
  withContext,
} from './ambient.ts';
export type { Ancestor, BackendIdentity, ChainContext } from './chain.ts';
export {
  type AmbientScope,
  ancestorsOf,
  type ClientIdentity,
  describeTransactions,
  Frame,
  type FrameChange,
  type HookSink,
  type OpenTransaction,
} from './frame.ts';
export { findPlace, holdsAtOrAbove, levelBeside, levelIsolated, type Place } from './place.ts';
export { currentFrame, runInFrame } from './store.ts';
