export { sqlite } from './driver.ts';
export type { SqliteOptions } from './options.ts';
