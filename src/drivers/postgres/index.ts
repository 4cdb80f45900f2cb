export { postgres } from './driver.ts';
export type { PostgresOptions } from './options.ts';
export type { TypeParser, TypeParsers } from './pg-types.ts';
