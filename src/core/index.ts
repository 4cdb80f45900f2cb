export { type CancelTimer, type Clock, sleep, systemClock } from './clock.ts';
export { type ChainLink, describeLink, type ErrorDetails, InvalidOptionError, SluiceError } from './errors.ts';
export { LinkedList, type ListNode } from './linked-list.ts';
export {
  aBoolean,
  aFunction,
  anObject,
  anything,
  aSignal,
  type Check,
  checkOptions,
  type Checks,
  type Filled,
  integer,
  longestTimer,
  oneOf,
  text,
  typeName,
} from './options.ts';
export { captureOrigin, type Origin, sampleOrigin } from './origin.ts';
export { Patience, type PlaceInLine } from './patience.ts';
