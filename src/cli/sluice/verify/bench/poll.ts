import { setTimeout } from 'node:timers/promises';

/** Asks again until it is so. @returns whether it was, within that many milliseconds */
export async function pollUntil(question: () => Promise<boolean>, milliseconds: number): Promise<boolean> {
  const end = performance.now() + milliseconds;
  for (;;) {
    if (await question()) return true;
    if (performance.now() > end) return false;
    await setTimeout(20);
  }
}
