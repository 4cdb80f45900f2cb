import { SluiceError } from '../core/index.ts';

/** The client of a request went away before it had its answer. What the request had open is rolled back. */
export class ClientDisconnectedError extends SluiceError {
  static override readonly code = 'CLIENT_DISCONNECTED';
  override readonly code = 'CLIENT_DISCONNECTED';
}

/**
 * A handler of a route with a transaction sent its answer in a way in which it cannot wait for the commit: it is larger than
 * `maxHeld`, or does not end. The transaction is rolled back.
 */
export class ResponseNotHeldError extends SluiceError {
  static override readonly code = 'RESPONSE_NOT_HELD';
  override readonly code = 'RESPONSE_NOT_HELD';
}

export function clientDisconnected(cause?: unknown): ClientDisconnectedError {
  return new ClientDisconnectedError({
    what: 'The client of the request went away before it had its answer',
    remedy: 'Nothing has to be done; if it is often, look for what keeps clients waiting',
    cause,
  });
}

/** @param what the way in which the answer was sent */
export function notHeld(what: string): ResponseNotHeldError {
  return new ResponseNotHeldError({
    what: `The answer of a route in a transaction waits for the commit, and ${what}`,
    remedy:
      'Give the route no transaction and open one in the handler around what belongs together, before the answer is begun; or raise "maxHeld"',
  });
}
