import { runUntraced } from '../channels/index.ts';
import { type Clock, fieldOf, runUnwatched } from '../core/index.ts';
import { ConnectError, type ConnectFailure, type Driver, type DriverConnection } from '../driver/index.ts';

export interface OpeningOptions {
  readonly driver: Driver;
  readonly clientName: string;
  readonly acquireTimeout: number;
  readonly clock: Clock;
  /** Aborts when the pool ends. */
  readonly signal: AbortSignal;
}

/**
 * Opens one connection, within `acquireTimeout`.
 * @throws ConnectError, which says whether another attempt may succeed
 */
export async function openConnection(options: OpeningOptions): Promise<DriverConnection> {
  const { driver, clock, acquireTimeout } = options;
  const attempt = new AbortController();
  const giveUp = (): void => attempt.abort(new Error(`no answer within ${acquireTimeout} ms`));
  const cancelTimer = clock.setTimer(giveUp, acquireTimeout);
  try {
    const either = AbortSignal.any([attempt.signal, options.signal]);
    return await runUntraced(() => runUnwatched(() => driver.connect(either)));
  } catch (error) {
    // The waiter's own timer may fire in the same moment: both give the same error.
    if (attempt.signal.aborted) throw stillConnecting(options.clientName, driver.target, acquireTimeout);
    throw connectError(options, driver.classifyConnect(error));
  } finally {
    cancelTimer();
  }
}

/** The error for a server that has not finished connecting in time. */
export function stillConnecting(clientName: string, target: string, acquireTimeout: number): ConnectError {
  return new ConnectError({
    what: `The client "${clientName}" had not finished connecting to ${target} after ${acquireTimeout} ms`,
    remedy:
      'Check that the server answers there, and check firewalls and proxies: something accepts or drops the connection silently',
    at: { clientName },
    transient: true,
  });
}

function connectError(
  { driver, clientName }: OpeningOptions,
  { error: cause, transient, says, remedy }: ConnectFailure,
): ConnectError {
  const sentence = says === undefined ? '' : `: ${readable(says)}`;
  return new ConnectError({
    what: `The client "${clientName}" could not connect to ${driver.target}${reasonCode(cause)}${sentence}`,
    remedy:
      remedy ??
      'See the cause: check that the server runs, accepts this user, and allows processes x budget connections',
    cause,
    at: { clientName },
    transient,
  });
}

/** In one line, without the full stop that the message ends with. */
function readable(text: string): string {
  return text
    .slice(0, 300)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/\.$/, '');
}

/** The code alone: most messages from outside may hold anything. */
function reasonCode(cause: unknown): string {
  const code = fieldOf(cause, 'code');
  return typeof code === 'string' ? ` (${code})` : '';
}
