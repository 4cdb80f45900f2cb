export type { Commuting } from './commuting.ts';
export { openCommuting } from './open-commuting.ts';
