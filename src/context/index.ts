export {
  type AmbientScope,
  type ClientIdentity,
  describeTransactions,
  Frame,
  type FrameChange,
  type HookSink,
  type OpenTransaction,
} from './frame.ts';
export { findPlace, holdsAtOrAbove, levelBeside, levelIsolated, type Place } from './place.ts';
export { currentFrame, runInFrame } from './store.ts';
