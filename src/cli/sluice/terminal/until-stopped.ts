import { type Interruption, onInterruption } from './interruption.ts';

/** Keeps the process alive until it is told to end. @returns the signal */
export async function untilStopped(): Promise<Interruption> {
  // What goes on in the background keeps no process alive.
  const stayAlive = setInterval(() => {}, 60_000);
  const { promise, resolve } = Promise.withResolvers<Interruption>();
  onInterruption(resolve);
  const signal = await promise;
  clearInterval(stayAlive);
  return signal;
}
