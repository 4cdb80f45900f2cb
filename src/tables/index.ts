export { dialectPart, ownDialects } from './own-dialects.ts';
export { OwnTables } from './own-tables.ts';
export { calledAfterStop, Polling } from './polling.ts';
export type { SqlRunner, SqlRunnerOptions } from './sql-runner.ts';
export { ambientContext, inContextOf } from './stored-context.ts';
export { takenUnderWay, underWay } from './under-way.ts';
