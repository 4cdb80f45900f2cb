export { beginningAt } from './begun-transaction.ts';
export type { Characteristics, ControlCommand } from './control-command.ts';
export { bindEntries, type BindEntriesOptions, type EntryOf } from './bind-entries.ts';
export { assertHandle, assertSameClient, type BindEntry, bindOnce, boundTo, isBound } from './binding.ts';
export { asBound, asProgram } from './bound-handle.ts';
export { assertPoolOf, belongingTo, clientOf, isOfClient, libraryPool, placeOn } from './library-pool.ts';
export {
  assertBegun,
  beginsElsewhere,
  type OwnTransactions,
  type OutsideOfOwn,
  ownTransactions,
  placeHere,
} from './own-transaction.ts';
export { errorOfSluice } from './library-failure.ts';
export { type LibrarySession, releasedSession, type Remains } from './library-session.ts';
export {
  isInAnyTransaction,
  oncePerTransaction,
  shareOfTransaction,
  Shares,
  wholeTransaction,
} from './whole-transaction.ts';
export { SharedSession } from './shared-session.ts';
export { isInTransactionOf, openSession, runHere } from './open-session.ts';
