import { AsyncLocalStorage } from 'node:async_hooks';
import { Socket } from 'node:net';
import { isUnwatched } from '../../core/index.ts';
import { watchCalls } from '../../foreign-waits/index.ts';

/** Node.js writes these itself, for requests that its channels tell of. */
const ofRequests =
  /node:(?:_http_|internal\/deps\/undici|internal\/http2|internal\/child_process)|[\\/]node_modules[\\/]undici[\\/]/;

/** Set while a driver whose statements are seen anyhow writes to its server. */
const sending = new AsyncLocalStorage<boolean>();

/** Runs what a driver sends. */
export function asDriver<Result>(send: () => Result): Result {
  return sending.run(true, send);
}

/**
 * Calls back, in the context of the caller, for all that leaves the process over a socket or as a child process: also over
 * connections that are open already, which have no channel, so that for this time sockets tell of what is written to them.
 * @returns ends that
 */
export function watchOutgoing(onCall: (what: string) => void): () => void {
  const tell = (what: string): undefined => {
    if (sending.getStore() !== true && !isUnwatched()) onCall(what);
    return undefined;
  };
  const stop = watchCalls(tell);
  const own = Object.getOwnPropertyDescriptor(Socket.prototype, 'write');
  const write: unknown = Reflect.get(Socket.prototype, 'write');
  const watched = function (this: Socket, ...given: unknown[]): unknown {
    if (this !== process.stdout && this !== process.stderr && !isOfRequest(watched)) tell(serverOf(this));
    return Reflect.apply(write as (...given: unknown[]) => unknown, this, given);
  };
  Object.defineProperty(Socket.prototype, 'write', { value: watched, configurable: true, writable: true });
  return () => {
    stop();
    if (own === undefined) Reflect.deleteProperty(Socket.prototype, 'write');
    else Object.defineProperty(Socket.prototype, 'write', own);
  };
}

function serverOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? 'a server' : `the server at ${remoteAddress}:${remotePort}`;
}

function isOfRequest(above: (...given: never[]) => unknown): boolean {
  const holder: { stack?: string } = {};
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 30;
  Error.captureStackTrace(holder, above);
  const { stack } = holder;
  Error.stackTraceLimit = before;
  return ofRequests.test(String(stack));
}
