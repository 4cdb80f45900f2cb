export { mysql } from './driver.ts';
export type { MysqlOptions } from './options.ts';
