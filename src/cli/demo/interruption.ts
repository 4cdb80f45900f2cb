import { constants } from 'node:os';

/** How long what was made may take to be removed after a signal, in milliseconds. */
const grace = 5_000;

export interface Interruption {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** What a shell calls the end by that signal; nothing before there was one. */
  readonly exitCode: number | undefined;
}

/**
 * Has signals end the process: the first has what was made removed, and where that takes too long, the process ends
 * without it. The end of the process that has started this one counts as a signal too.
 */
export function endOnSignal(): Interruption {
  const controller = new AbortController();
  let exitCode: number | undefined;
  // A signal comes more than once where a terminal and a program above both send it.
  const interrupt = (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void => {
    if (exitCode !== undefined) return;
    const code = 128 + constants.signals[signal];
    exitCode = code;
    controller.abort(new Error(`interrupted by ${signal}`));
    setTimeout(() => process.exit(code), grace).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  process.once('disconnect', () => interrupt('SIGHUP'));
  process.channel?.unref();
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
  };
}
