export { areMoreServed, type EndsOfOrder } from './oversell.ts';
export { type FoundPair, pairIn } from './pair.ts';
export { type Places, plainReadsIn } from './plain-reads.ts';
export { isSameTable, Schemas } from './schemas.ts';
export { skippedIn } from './skipped.ts';
