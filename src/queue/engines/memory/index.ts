export { memory } from './engine.ts';
