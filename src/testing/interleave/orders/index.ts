export type { ActorEnd } from './actor.ts';
export { Frontier, mostOrdersOf, switchesIn } from './frontier.ts';
export { Gate, type Rewrite } from './gate.ts';
export { type OrderRun, runOrder, runSerially, type Stage } from './order.ts';
export type { Passage } from './passage.ts';
export type { AreIndependent } from './sleepers.ts';
