export type { ActorEnd } from './actor.ts';
export { Frontier, switchesIn } from './frontier.ts';
export { Gate } from './gate.ts';
export { type OrderRun, runOrder, runSerially, type Stage } from './order.ts';
export type { Passage } from './passage.ts';
