export type { Difference } from './compare.ts';
export { openTables } from './open-tables.ts';
export { type Played, SerialJudge } from './serial-judge.ts';
export type { Tables } from './tables.ts';
