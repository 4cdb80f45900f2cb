export { Attempt, type CalledOut, type Repeated, repeatableIn, type Sent } from './attempt.ts';
export { differenceOf, findingsOf } from './compare-attempts.ts';
export { leavesOf } from './leaves.ts';
export {
  enoughAttempts,
  isSameResult,
  returnsSystematically,
  sendsSystematically,
  type Settled,
} from './repetition.ts';
