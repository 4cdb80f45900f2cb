export { pgBoss } from './engine.ts';
export type { PgBossOptions } from './options.ts';
