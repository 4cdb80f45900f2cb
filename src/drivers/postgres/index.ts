export { ambientPool, type AmbientPoolOptions } from './ambient-pool/pool.ts';
export { CommitTableError } from '../../driver/index.ts';
export { createCommitTable } from './commit-table.ts';
export { postgres } from './driver.ts';
export type { PostgresOptions } from './connecting/options.ts';
export type { TypeParser, TypeParsers } from './wire/pg-types.ts';
export { TargetSessionError, type TargetSessionAttrs } from './connecting/target-session.ts';
