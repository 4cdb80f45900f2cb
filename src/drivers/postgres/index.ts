export { ambientPool, type AmbientPoolOptions } from './ambient-pool/pool.ts';
export { postgres } from './driver.ts';
export type { PostgresOptions } from './options.ts';
export type { TypeParser, TypeParsers } from './pg-types.ts';
export { TargetSessionError, type TargetSessionAttrs } from './target-session.ts';
