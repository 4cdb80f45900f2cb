import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export type Interruption = (typeof signals)[number];

/** How long after a signal another one is taken for the same: a terminal, npm and a supervisor may each send theirs. In ms. */
const sameTime = 500;

/** What a shell calls the end by a signal. */
export function exitCodeOf(signal: Interruption): number {
  return 128 + constants.signals[signal];
}

/**
 * Has the first signal call `interrupt`. A later one ends the process at once: who presses Ctrl-C again does not want to wait for
 * what is cleared away.
 */
export function onInterruption(interrupt: (signal: Interruption) => void): void {
  let heardAt: number | undefined;
  const hear = (signal: Interruption): void => {
    const now = performance.now();
    if (heardAt === undefined) interrupt(signal);
    else if (now - heardAt > sameTime) process.exit(exitCodeOf(signal));
    heardAt ??= now;
  };
  // Until the process has ended: where no one listens, a signal would end it before its last words.
  for (const name of signals) process.on(name, hear);
}
