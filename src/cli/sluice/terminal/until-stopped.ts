const signals = ['SIGINT', 'SIGTERM'] as const;

/** Keeps the process alive until it is told to end, once: a second signal ends it at once. @returns the signal */
export async function untilStopped(): Promise<string> {
  // What goes on in the background keeps no process alive.
  const stayAlive = setInterval(() => {}, 60_000);
  const { promise, resolve } = Promise.withResolvers<string>();
  for (const name of signals) process.once(name, resolve);
  const signal = await promise;
  for (const name of signals) process.removeListener(name, resolve);
  clearInterval(stayAlive);
  return signal;
}
