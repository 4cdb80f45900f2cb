export { bullmq } from './engine.ts';
export type { BullmqOptions } from './options.ts';
