import { longestTimer } from '../../core/index.ts';
import type { Backoff } from './engine.ts';

/** Milliseconds before attempt `next` (2 for the first repetition). */
export function pauseBefore({ type, delay }: Backoff, next: number): number {
  return type === 'fixed' ? delay : Math.min(delay * 2 ** (next - 2), longestTimer);
}
