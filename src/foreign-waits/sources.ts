import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import { fieldOf } from '../core/index.ts';

/** What a program calls, in words without paths, queries and credentials. @returns what to call at its end; nothing if it is no foreign wait */
export type OnCall = (what: string) => OnEnd | undefined;
/** Is told that a call has ended. */
export type OnEnd = () => void;

/** Node.js opens a socket for these itself, and their own channels say more. */
const insideOfNode = /node:(?:_http_agent|_http_client|internal\/deps\/undici)|[\\/]node_modules[\\/]undici[\\/]/;
/** On a socket that was named: the first request over it is the same call. */
const told = Symbol('sluice.foreign-wait');

/**
 * Subscribes to the channels on which Node.js publishes calls to other servers and programs, in the context of the caller.
 * What goes over a connection that is open already shows only where it is HTTP; a lookup of DNS has no channel. See "Built-in
 * Channels" in the reference of `node:diagnostics_channel`.
 * @returns ends that
 */
export function watchCalls(onCall: OnCall): () => void {
  const seen = new WeakSet<object>();
  const ends = new WeakMap<object, OnEnd>();
  const onHttp: ChannelListener = (message) => {
    const request = fieldOf(message, 'request');
    if (typeof request !== 'object' || request === null || seen.has(request)) return;
    seen.add(request);
    const end = onCall(`${textOf(request, 'method')} ${textOf(request, 'protocol')}//${hostOf(request)}`);
    endsWith(request, ['close'], end);
  };
  const onFetch: ChannelListener = (message) => {
    const request = fieldOf(message, 'request');
    const end = onCall(fetched(request));
    if (end !== undefined && typeof request === 'object' && request !== null) ends.set(request, end);
  };
  const onFetched: ChannelListener = (message) => {
    const request = fieldOf(message, 'request');
    if (typeof request === 'object' && request !== null) ends.get(request)?.();
  };
  const onSocket: ChannelListener = (message) => {
    const socket = fieldOf(message, 'socket');
    if (typeof socket !== 'object' || socket === null || !isOfProgram()) return;
    const end = onCall('a new connection to a server');
    if (end === undefined) return;
    Object.defineProperty(socket, told, { value: true, writable: true, configurable: true });
    endsWith(socket, ['connect', 'close'], end);
  };
  const onStream: ChannelListener = (message) => {
    // A Proxy, which is not the socket itself.
    const socket = fieldOf(fieldOf(fieldOf(message, 'stream'), 'session'), 'socket') as Marked | undefined;
    if (socket?.[told] === true) socket[told] = false;
    else endsWith(fieldOf(message, 'stream'), ['close'], onCall(requested(fieldOf(message, 'headers'))));
  };
  const listeners: readonly (readonly [string, ChannelListener])[] = [
    ['undici:request:create', onFetch],
    ['undici:request:trailers', onFetched],
    ['undici:request:error', onFetched],
    ['http.client.request.created', onHttp],
    // Older versions of Node.js have this one alone.
    ['http.client.request.start', onHttp],
    // Older versions of Node.js do not have it.
    ['http2.client.stream.created', onStream],
    ['net.client.socket', onSocket],
    ['child_process', (message) => endsWith(fieldOf(message, 'process'), ['close'], onCall('a child process'))],
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

/** What was called tells that it has ended. */
function endsWith(called: unknown, events: readonly string[], end: OnEnd | undefined): void {
  if (end !== undefined && called instanceof EventEmitter) for (const event of events) called.once(event, end);
}

function fetched(request: unknown): string {
  return `${textOf(request, 'method')} ${withoutCredentials(textOf(request, 'origin'))}`;
}

function textOf(value: unknown, name: string): string {
  const text = fieldOf(value, name);
  return typeof text === 'string' || text instanceof URL ? String(text).slice(0, 200) : '';
}

/** A request keeps its port in a header alone, which may name another host. */
function hostOf(request: object): string {
  const getHeader = fieldOf(request, 'getHeader');
  const header: unknown = typeof getHeader === 'function' ? getHeader.call(request, 'host') : undefined;
  const [port = ''] = /:\d{1,5}$/.exec(typeof header === 'string' ? header : '') ?? [];
  return `${textOf(request, 'host')}${port}`;
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
