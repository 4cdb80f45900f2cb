import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { fieldOf } from '../core/index.ts';

/** What a program calls, in words without paths, queries and credentials. @returns whether it was a foreign wait */
export type OnCall = (what: string) => boolean;

/** Node.js opens a socket for these itself, and their own channels say more. */
const insideOfNode = /node:(?:_http_agent|_http_client|internal\/deps\/undici)|[\\/]node_modules[\\/]undici[\\/]/;
/** On a socket that was named: the first request over it is the same call. */
const told = Symbol('sluice.foreign-wait');

/**
 * Subscribes to the channels on which Node.js publishes calls to other servers and programs, in the context of the caller.
 * What goes over a connection that is open already shows only where it is HTTP; a lookup of DNS has no channel. See "Built-in Channels" in the reference of
 * `node:diagnostics_channel`.
 * @returns ends that
 */
export function watchCalls(onCall: OnCall): () => void {
  const seen = new WeakSet<object>();
  const onHttp: ChannelListener = (message) => {
    const request = fieldOf(message, 'request');
    if (typeof request !== 'object' || request === null || seen.has(request)) return;
    seen.add(request);
    onCall(`${textOf(request, 'method')} ${textOf(request, 'protocol')}//${textOf(request, 'host')}`);
  };
  const onSocket: ChannelListener = (message) => {
    const socket = fieldOf(message, 'socket');
    if (typeof socket !== 'object' || socket === null || !isOfProgram()) return;
    if (onCall('a new connection to a server'))
      Object.defineProperty(socket, told, { value: true, writable: true, configurable: true });
  };
  const onStream: ChannelListener = (message) => {
    // A Proxy, which is not the socket itself.
    const socket = fieldOf(fieldOf(fieldOf(message, 'stream'), 'session'), 'socket') as Marked | undefined;
    if (socket?.[told] === true) socket[told] = false;
    else onCall(requested(fieldOf(message, 'headers')));
  };
  const listeners: readonly (readonly [string, ChannelListener])[] = [
    ['undici:request:create', (message) => onCall(fetched(fieldOf(message, 'request')))],
    ['http.client.request.created', onHttp],
    // Older versions of Node.js have this one alone.
    ['http.client.request.start', onHttp],
    // Older versions of Node.js do not have it.
    ['http2.client.stream.created', onStream],
    ['net.client.socket', onSocket],
    ['child_process', () => onCall('a child process')],
  ];
  for (const [name, listener] of listeners) subscribe(name, listener);
  return () => {
    for (const [name, listener] of listeners) unsubscribe(name, listener);
  };
}

interface Marked {
  [told]?: boolean;
}

function requested(headers: unknown): string {
  const [method = 'GET', scheme, authority] = [':method', ':scheme', ':authority'].map((name) => textOf(headers, name));
  return `${method} ${scheme}://${authority}`;
}

function fetched(request: unknown): string {
  return `${textOf(request, 'method')} ${withoutCredentials(textOf(request, 'origin'))}`;
}

function textOf(value: unknown, name: string): string {
  const text = fieldOf(value, name);
  return typeof text === 'string' || text instanceof URL ? String(text).slice(0, 200) : '';
}

function withoutCredentials(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).origin : origin;
}

function isOfProgram(): boolean {
  const holder: { stack?: string } = {};
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 30;
  Error.captureStackTrace(holder, isOfProgram);
  const { stack } = holder;
  Error.stackTraceLimit = before;
  return !insideOfNode.test(String(stack));
}
