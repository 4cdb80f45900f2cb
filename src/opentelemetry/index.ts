export { type InstrumentOptions, instrumentSluice, type SluiceInstrumentation } from './instrument.ts';
export type { QueryText } from './database-spans.ts';
