export { ambientPool } from './ambient-pool/pool.ts';
export { CommitTableError, createCommitTable } from './commit-table.ts';
export { mysql } from './driver.ts';
export type { MysqlOptions } from './connecting/options.ts';
