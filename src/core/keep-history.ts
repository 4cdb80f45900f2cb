import type { HistoryEntry } from './errors.ts';
import { isError } from './thrown-value.ts';

/**
 * Has an error tell what its chain went through until now, as `history`: no part of what a logger prints of it. One that has a
 * history already keeps it, since that was taken nearer to where it happened.
 */
export function keepHistory(error: unknown, history: { taken(): () => readonly HistoryEntry[] }): void {
  if (!isError(error) || !Object.isExtensible(error) || Object.hasOwn(error, 'history')) return;
  const read = history.taken();
  let entries: readonly HistoryEntry[] | undefined;
  Object.defineProperty(error, 'history', {
    get: () => (entries ??= read()),
    enumerable: false,
    configurable: true,
  });
}
