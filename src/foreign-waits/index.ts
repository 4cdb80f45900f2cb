export { ForeignWaitError } from './errors.ts';
export { allowForeignWaits, type ForeignWaits, type WatchedDatabase, watchForeignWaits } from './foreign-waits.ts';
