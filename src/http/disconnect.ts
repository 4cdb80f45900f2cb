import { clientDisconnected } from './errors.ts';

/** What is needed of a response of Node.js to see that its client has gone; that of HTTP/2 has it too. */
export interface NodeResponse {
  /** Whether all of the answer was handed to the system. */
  readonly writableFinished?: boolean | undefined;
  /** Whether the answer has ended. */
  readonly writableEnded: boolean;
  /** Whether the connection is gone. */
  readonly destroyed?: boolean | undefined;
  /** Emitted at the end of the connection or of the answer. */
  once(event: 'close', listener: () => void): unknown;
}

/**
 * A signal that is aborted with a `ClientDisconnectedError` when the client goes away before it has its answer.
 *
 * ```ts
 * import { createServer } from 'node:http';
 * const server = createServer((_request, response) => {
 *   database.transaction(() => checkout(id), { signal: disconnectSignal(response) }).then(
 *     () => response.end(),
 *     () => response.writeHead(500).end(),
 *   );
 * });
 * ```
 */
export function disconnectSignal(response: NodeResponse): AbortSignal {
  const controller = new AbortController();
  const onClose = (): void => {
    if (response.writableFinished === true || (response.writableFinished === undefined && response.writableEnded))
      return;
    controller.abort(clientDisconnected());
  };
  if (response.destroyed === true) onClose();
  else response.once('close', onClose);
  return controller.signal;
}

/** The same for frameworks that have a signal of the request: that of a Fetch `Request`. */
export function disconnectSignalOf(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(clientDisconnected(signal.reason));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return controller.signal;
}
