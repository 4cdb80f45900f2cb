import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { fieldOf } from '../core/index.ts';

/** What a program calls, in words without paths, queries and credentials. */
export type OnCall = (what: string) => void;

/** Node.js opens a socket for these itself, and their own channels say more. */
const insideOfNode = /node:(?:_http_agent|_http_client|internal\/deps\/undici)/;

/**
 * Subscribes to the channels on which Node.js publishes calls to other servers and programs, in the context of the caller.
 * What goes over a connection that is open already shows only where it is HTTP. See "Built-in Channels" in the reference of
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
  const listeners: readonly (readonly [string, ChannelListener])[] = [
    ['undici:request:create', (message) => onCall(fetched(fieldOf(message, 'request')))],
    ['http.client.request.created', onHttp],
    // Older versions of Node.js have this one alone.
    ['http.client.request.start', onHttp],
    ['net.client.socket', () => isOfProgram() && onCall('a new connection to a server')],
    ['child_process', () => onCall('a child process')],
  ];
  for (const [name, listener] of listeners) subscribe(name, listener);
  return () => {
    for (const [name, listener] of listeners) unsubscribe(name, listener);
  };
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
