export { ambientPool } from './ambient-pool/pool.ts';
export { CommitTableError } from '../../driver/index.ts';
export { createCommitTable } from './commit-table.ts';
export { mysql } from './driver.ts';
export type { MysqlOptions } from './connecting/options.ts';
