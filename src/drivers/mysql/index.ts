export { ambientPool } from './ambient-pool/pool.ts';
export { mysql } from './driver.ts';
export type { MysqlOptions } from './options.ts';
