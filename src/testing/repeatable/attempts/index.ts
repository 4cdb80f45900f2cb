export { Attempt, type CalledOut, nextAttempt, type Repeated, repeatableIn, type Sent } from './attempt.ts';
export { callsOutOf, haveSentSame, sentOtherwise } from './compare-attempts.ts';
export { copyOf } from './copy.ts';
export { leavesOf } from './leaves.ts';
export { enoughAttempts, isSameResult, returnsSystematically, type Settled, type Timed } from './repetition.ts';
export { areSameNumbers, fewestAttempts, numbersIn } from './sequence.ts';
