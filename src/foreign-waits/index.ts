export { ForeignWaitError } from './errors.ts';
export { watchCalls } from './sources.ts';
export { allowForeignWaits, type ForeignWaits, watchForeignWaits } from './foreign-waits.ts';
