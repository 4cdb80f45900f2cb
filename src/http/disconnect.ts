import { clientDisconnected } from './errors.ts';

/** What is needed of a response of Node.js to see that its client has gone; that of HTTP/2 has it too. */
export interface NodeResponse {
  /** Whether all of the answer was handed to the system. */
  readonly writableFinished?: boolean | undefined;
  /** Whether the answer has ended. */
  readonly writableEnded: boolean;
  /** Whether the connection is gone. */
  readonly destroyed?: boolean | undefined;
  /** The connection; null while an earlier answer on it is awaited, which is pipelining. */
  readonly socket?: object | null | undefined;
  /** That of HTTP/2, which its client can end alone. */
  readonly stream?: NodeStream | undefined;
  /** The request, whose connection is there from the beginning. */
  readonly req?: object | undefined;
  /** Emitted at the end of the connection or of the answer. */
  once(event: 'close', listener: () => void): unknown;
}

/** What is needed of a stream of HTTP/2. */
export interface NodeStream {
  /** Whether it is closed or was reset. */
  readonly closed: boolean;
  /** Whether nothing can be sent from now on. */
  readonly destroyed: boolean;
  /** Whether it was reset before the answer had ended. */
  readonly aborted: boolean;
}

/** What is needed of the connection of a request. */
interface Connection {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** Who waits for the end of a connection: many requests may be on one, and each listener of an emitter counts. */
const waiting = new WeakMap<Connection, Set<() => void>>();

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
  whenClosed(response, () => {
    if (!isAnswered(response)) controller.abort(clientDisconnected());
  });
  return controller.signal;
}

/** A stream that was reset ends what is written to it, so that its response seems to have ended. */
function isAnswered({ stream, writableFinished, writableEnded }: NodeResponse): boolean {
  return stream === undefined ? (writableFinished ?? writableEnded) : !stream.aborted;
}

/** Resolves when an answer has gone out, or can no longer do so. @param response that of Node.js */
export function responseClosed(response: NodeResponse): Promise<void> {
  return new Promise((resolve) => whenClosed(response, resolve));
}

/** Whether nothing can be sent by a response from now on. */
export function isGone({ destroyed, stream }: Pick<NodeResponse, 'destroyed' | 'stream'>): boolean {
  return destroyed === true || stream?.destroyed === true || stream?.closed === true;
}

/** Calls back once, when a response or its connection is over; at once where it is. */
function whenClosed(response: NodeResponse, onClose: () => void): void {
  const connection = response.socket === null ? connectionOf(response.req) : undefined;
  if (isGone(response) || connection?.destroyed === true) return onClose();
  const others = connection === undefined ? undefined : waitingFor(connection);
  const onEither = (): void => {
    others?.delete(onEither);
    onClose();
  };
  response.once('close', onEither);
  // A response that waits for its turn is not told that the connection has gone, before Node.js 24.
  others?.add(onEither);
}

function waitingFor(connection: Connection): Set<() => void> {
  const known = waiting.get(connection);
  if (known !== undefined) return known;
  const callbacks = new Set<() => void>();
  waiting.set(connection, callbacks);
  connection.once('close', () => {
    for (const callback of callbacks) callback();
  });
  return callbacks;
}

function connectionOf(request: object | undefined): Connection | undefined {
  const { socket }: { readonly socket?: Connection | null } = request ?? {};
  return socket ?? undefined;
}

/** The same for frameworks that have a signal of the request: that of a Fetch `Request`. */
export function disconnectSignalOf(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(clientDisconnected(signal.reason));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return controller.signal;
}
