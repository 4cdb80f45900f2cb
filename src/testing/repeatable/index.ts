export { NothingRepeatedError, NotRepeatableError, RepeatableSetupError } from './errors.ts';
export type { RepeatFinding, RepeatProblem } from './finding.ts';
export type { ProveRepeatableOptions } from './options.ts';
export type { RepeatableProof } from './proof.ts';
export { proveRepeatable } from './prove-repeatable.ts';
export { rehearsed } from './rehearsed.ts';
