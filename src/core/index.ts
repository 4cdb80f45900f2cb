// First: on a Node.js that is too old nothing else is loaded.
// oxlint-disable-next-line import/no-unassigned-import
import './node-version.ts';
export { keepHistory } from './keep-history.ts';
export { oldestNode } from './node-version.ts';
export {
  atEndOfTurn,
  type CancelTimer,
  type Clock,
  endsWithin,
  onAbort,
  onOwnAbort,
  sleep,
  systemClock,
} from './clock.ts';
export {
  announceVersion,
  assertOwnVersionHere,
  knownToCopies,
  openToCopies,
  refuseOtherVersion,
  sharedByCopies,
  signed,
  versions,
} from './copies.ts';
export {
  type ChainLink,
  describeLink,
  type ErrorDetails,
  type ErrorPlace,
  type HistoryEntry,
  InvalidOptionError,
  located,
  MixedVersionsError,
  UnsupportedNodeError,
  SluiceError,
} from './errors.ts';
export { isBefore, isInstalledBefore, unsupportedLibrary, UnsupportedLibraryError } from './library-version.ts';
export { isUnwatched, runUnwatched } from './unwatched.ts';
export { docsOf } from './docs.ts';
export { nextId } from './ids.ts';
export { version } from './version.ts';
export { LinkedList, type ListNode } from './linked-list.ts';
export {
  aBoolean,
  aFunction,
  aList,
  anObject,
  anything,
  aSignal,
  type Check,
  checkBody,
  checked,
  checkedArgument,
  className,
  type Checks,
  type Filled,
  entriesByName,
  integer,
  label,
  listOf,
  longestTimer,
  milliseconds,
  oneOf,
  optionsOf,
  reading,
  readOpen,
  readOptions,
  refuseUnknown,
  text,
  typeName,
  withMethods,
} from './options.ts';
export { callersOf, captureOrigin, captureProgram, type Origin, sampleOrigin, ownFolder } from './origin.ts';
export { TimeoutQueue, type PlaceInLine } from './timeout-queue.ts';
export { builtInName, isLostInJson, isRecord, isThenable } from './value-kind.ts';
export { describeThrown, failureName, fieldOf, isError, isInstance, storable } from './thrown-value.ts';
export { emitWarning, warningOnce } from './warnings.ts';
export { arrived, travelling } from './travelling-error.ts';
export { calledAs, madeFirst, refuseUncalled } from './uncalled.ts';
