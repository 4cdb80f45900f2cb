export type { ActorEnd } from './actor.ts';
export { Frontier, mostOrdersOf, switchesIn } from './frontier.ts';
export { Gate, type Rewrite } from './gate.ts';
export { type OrderRun, runOrder, runSerially, type Stage } from './order.ts';
export type { Passage } from './passage.ts';
export { cellsOf, countOf, namedCells, rowsOf } from './results.ts';
export type { AreIndependent } from './sleepers.ts';
export { endOf } from './transaction-end.ts';
