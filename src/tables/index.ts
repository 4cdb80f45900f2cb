export { type DialectPart, dialectPart, ownDialects } from './own-dialects.ts';
export { OwnTables, type OwnTablesSettings } from './own-tables.ts';
export type { SqlRunner, SqlRunnerOptions } from './sql-runner.ts';
export { ambientContext, inContextOf } from './stored-context.ts';
