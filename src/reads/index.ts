export { SharedReads } from './shared-reads.ts';
