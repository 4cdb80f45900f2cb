import { type Clock, sleep } from '../core/index.ts';
import { ConnectError, type Driver, type DriverConnection } from '../driver/index.ts';

export interface OpeningOptions {
  readonly driver: Driver;
  readonly clientName: string;
  readonly acquireTimeout: number;
  readonly clock: Clock;
  /** From 0 to 1, for the jitter between attempts. */
  readonly random: () => number;
  /** Aborts when the pool ends. */
  readonly signal: AbortSignal;
}

const firstPause = 20;
const longestPause = 500;

/**
 * Opens one connection. A server that has no room just now, or is starting, is asked again with
 * growing pauses until `acquireTimeout`; any other refusal is final.
 * @throws ConnectError
 */
export async function openConnection(options: OpeningOptions): Promise<DriverConnection> {
  const { driver, clock, random } = options;
  const deadline = clock.now() + options.acquireTimeout;
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    const attempt = new AbortController();
    const giveUp = (): void => attempt.abort(new Error(`no answer within ${options.acquireTimeout} ms`));
    const cancelTimer = clock.setTimer(giveUp, Math.max(1, deadline - clock.now()));
    try {
      return await driver.connect(AbortSignal.any([attempt.signal, options.signal]));
    } catch (error) {
      const { error: cause, transient } = driver.classifyConnect(error);
      const delay = pause * (0.5 + random() / 2);
      if (!transient || options.signal.aborted || clock.now() + delay >= deadline) throw connectError(options, cause);
      await sleep(clock, delay, options.signal);
    } finally {
      cancelTimer();
    }
  }
}

function connectError({ driver, clientName }: OpeningOptions, cause: unknown): ConnectError {
  return new ConnectError({
    what: `The client "${clientName}" could not connect to ${driver.target}${reasonCode(cause)}`,
    remedy: 'See the cause: check that the server runs, accepts this user, and allows processes x budget connections',
    cause,
  });
}

/** The code alone: a message from outside may hold anything. */
function reasonCode(cause: unknown): string {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? ` (${code})` : '';
}
