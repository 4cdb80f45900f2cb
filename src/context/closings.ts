import { sharedByCopies } from '../core/index.ts';

/**
 * When work began, as a database that closes sees it: how many calls of `close()` there had been by then in the process, of all
 * databases.
 */
export type Begun = number;

/** New work, also what ended work has left running. */
export const notBegun: Begun = Number.POSITIVE_INFINITY;
/** Before what had begun by any time. */
export const beforeAll: Begun = 0;
/** What is let go on after the timeout of `close()` too: transactions that could begin, and hooks that undo what did not commit. */
export const toTheEnd: Begun = -1;

/** How many calls of `close()` there have been until now: one count for all copies of this version, which have the frames in common. */
export const closings: { count: Begun } = sharedByCopies('closings', () => ({ count: 0 }));

/** Notes a call of `close()`. @returns more than the `Begun` of what has begun until now, and no more than that of what is still to begin */
export function noteClosing(): Begun {
  return (closings.count += 1);
}
