export { sluice, type SluiceFastifyOptions } from './plugin.ts';
