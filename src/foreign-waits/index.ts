export { ForeignWaitError } from './errors.ts';
export { allowForeignWaits, type ForeignWaits, watchForeignWaits } from './foreign-waits.ts';
