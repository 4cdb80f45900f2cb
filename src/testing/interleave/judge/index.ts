export { Changing } from './changing.ts';
export { type Difference, differenceOf } from './compare.ts';
export { fingerprintOf, tableText } from './fingerprint.ts';
export { openTables } from './open-tables.ts';
export { plainEnd } from './plain-value.ts';
export { type Played, SerialJudge } from './serial-judge.ts';
export { type End, isLink, type Outcome } from './state.ts';
export type { Tables } from './tables.ts';
export { untilTimesDiffer } from './times.ts';
