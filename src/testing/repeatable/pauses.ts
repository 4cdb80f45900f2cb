import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

/** Times that have seconds alone differ after so many milliseconds. */
const second = 1_100;
/** An exchange of an attempt that is looked at more closely waits for less than this, and so do so many of one attempt. */
const longest = 8;
const most = 20;

/** Until what is made of the time is another one. */
export async function untilSecondsDiffer(): Promise<void> {
  await pause(second);
}

/**
 * Waits before an exchange of an attempt, so that what is measured differs by chance.
 * @param before how many it has had
 * @param least for so many milliseconds at least
 */
export async function holdUp(before: number, least = 0): Promise<void> {
  if (before < most) await pause(least + randomInt(longest));
}

export async function holdUpFor(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await pause(milliseconds);
}
