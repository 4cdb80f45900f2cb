import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { isDeepStrictEqual } from 'node:util';
import { InvalidOptionError, isThenable, typeName } from '../../core/index.ts';
import {
  copyHeaders,
  type HeadersBefore,
  type HeldRequest,
  type HeldResponse,
  holdBody,
  holdStream,
  namedRoute,
  ownStatusOf,
  problemOf,
  readableOf,
  readRouteOptions,
  runHeld,
  type StreamedBody,
} from '../../http/index.ts';

/** In the configuration of a route whose handler was wrapped. */
const wrapped = Symbol.for('sluice.fastify.transaction');

/** Requests whose error was given to the error handlers, which may have answered it as if it were none. */
const answered = new WeakSet<object>();

/** A hook that notes an error which Fastify gives to the error handlers. */
export function noteAnswered(request: FastifyRequest, _reply: FastifyReply, _error: unknown, done: () => void): void {
  answered.add(request);
  done();
}

/** Whether a route with this configuration is to have a transaction. */
export function asksForTransaction({ transaction }: { readonly transaction?: unknown }): boolean {
  return transaction !== undefined && transaction !== false;
}

/** Whether the handler of a route with this configuration runs in a transaction. */
export function givesTransaction(config: object): boolean {
  return wrapped in config;
}

/** Wraps the handler of a route that asks for a transaction. @throws InvalidOptionError for options that are refused */
export function wrapRoute(route: RouteOptions & { readonly path: string }): void {
  const { config, handler } = route;
  const asked: unknown = config?.transaction;
  // That of a scope around this one has wrapped it; its handler finds the innermost context.
  if (config === undefined || !asksForTransaction(config) || givesTransaction(config)) return;
  const settings = readRouteOptions(asked === true ? {} : objectOf(asked), `The route ${route.path}`);
  if ('websocket' in route && route.websocket === true) throw websocket(route.path);
  const named = namedRoute(settings, [route.method].flat().join('|'), route.path);
  route.config = Object.assign({ ...config }, { [wrapped]: true });
  route.handler = async function inTransaction(request, reply) {
    const before = copyHeaders(reply.getHeaders());
    const reset = resetTo(reply, before);
    const handle = async (held: HeldResponse): Promise<void> => {
      reset();
      await runHandler(() => handler.call(this, request, reply), reply, held, named.maxHeld);
    };
    refuseHijack(reply);
    try {
      await request.sluice.run(() =>
        runHeld(request.sluice, reply.raw, handle, named, receive(request, route.path, before)),
      );
    } catch (error) {
      reset();
      giveBack(reply);
      if (!answered.has(request) || ownStatusOf(error) !== undefined) throw error;
      answerAgain(error, request, reply);
      return reply;
    } finally {
      giveBack(reply);
    }
  };
}

/** The request, as an idempotent route looks at it. @param before the headers that hooks have set */
function receive(request: FastifyRequest, route: string, before: HeadersBefore): HeldRequest {
  const { method, headers, raw } = request;
  const url = raw.url ?? '';
  return { request, method, headers, route, url, body: () => request.body, before: () => before };
}

/** What of a reply is taken over while its route runs, by properties of its own. */
function giveBack(reply: FastifyReply): void {
  for (const name of ['send', 'then', 'hijack']) Reflect.deleteProperty(reply, name);
}

/** Fastify asks its error handlers once for a reply, and gives the message of a second error to the client. */
function answerAgain(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  request.log.error({ err: error }, 'request failed');
  const { status, headers, body } = problemOf(error, request.raw);
  reply.code(status).headers(headers).send(JSON.stringify(body));
}

/**
 * What of a reply nothing public tells or takes back, by what Fastify calls its symbols: whether it was given a status, without
 * which `redirect` answers 302, and what its body and trailers are made by.
 */
const unseen = new Set(['fastify.reply.hasStatusCode', 'fastify.reply.serializer', 'fastify.reply.trailers']);

/** Takes back what a handler has given to a reply, when its answer does not go out. What it has not changed is left alone. */
function resetTo(reply: FastifyReply, before: ReturnType<FastifyReply['getHeaders']>): () => void {
  const { statusCode } = reply;
  const own = Object.getOwnPropertySymbols(reply).filter(({ description }) => unseen.has(description ?? ''));
  const values = own.map((symbol) => [symbol, copyOf(Reflect.get(reply, symbol))] as const);
  return () => {
    const now = reply.getHeaders();
    for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
      const former = before[name];
      if (isDeepStrictEqual(now[name], former)) continue;
      // Otherwise a cookie would be added to those there are.
      reply.removeHeader(name);
      if (former !== undefined) reply.header(name, Array.isArray(former) ? [...former] : former);
    }
    reply.raw.statusCode = statusCode;
    for (const [symbol, value] of values) Reflect.set(reply, symbol, copyOf(value));
  };
}

/** Trailers are an object by their names, to which a handler adds. */
function copyOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? { ...value } : value;
}

function websocket(path: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `The route ${path} is a WebSocket and asks for a transaction: it has no answer that could wait for the commit`,
    remedy: 'Give it no transaction, and open one for each message with database.transaction()',
  });
}

function objectOf(asked: unknown): object {
  if (typeof asked === 'object' && asked !== null) return asked;
  throw new InvalidOptionError({
    what: `A route got ${typeName(asked)} for its option "transaction"`,
    remedy: 'Give true, or options',
  });
}

/** Runs a handler to its end and to that of its answer, whichever way it gives that: by its result, or by `reply.send`. */
async function runHandler(
  handler: () => unknown,
  reply: FastifyReply,
  held: HeldResponse,
  limit: number,
): Promise<void> {
  const broken = Promise.withResolvers<never>();
  // It may come when the handler has ended.
  broken.promise.catch(() => {});
  const isAnswered = Promise.race([held.ended, broken.promise]);
  isAnswered.catch(() => {});
  let isSent = false;
  // That of an attempt before this one.
  Reflect.deleteProperty(reply, 'send');
  const send = reply.send.bind(reply);
  reply.send = (...payload) => {
    isSent = true;
    const [body] = payload as readonly unknown[];
    if (body instanceof Error) broken.reject(body);
    else if (isStreamed(body)) holdPayload(body, reply, held, limit).then(send, broken.reject);
    else send(...payload);
    return reply;
  };
  // Otherwise a handler that awaits its reply would wait for the commit, which waits for the handler.
  // oxlint-disable-next-line unicorn/no-thenable -- that of Fastify is one
  reply.then = (fulfilled, rejected) => void isAnswered.then(fulfilled, rejected);
  const result = handler();
  const value: unknown = isThenable(result) ? await result : result;
  // A handler that is no async function may answer later.
  if (value !== undefined || (isThenable(result) && !isSent)) reply.send(value);
  await isAnswered;
}

/** What Fastify would read piece by piece, after it has sent the head. */
function isStreamed(payload: unknown): payload is StreamedBody | Response {
  if (typeof payload !== 'object' || payload === null) return false;
  const { pipe, getReader } = payload as { readonly pipe?: unknown; readonly getReader?: unknown };
  return typeof pipe === 'function' || typeof getReader === 'function' || payload instanceof Response;
}

/** Reads it in the transaction, so that one which breaks is an error of the handler. */
async function holdPayload(
  payload: StreamedBody | Response,
  reply: FastifyReply,
  held: HeldResponse,
  limit: number,
): Promise<Response | Buffer> {
  if (payload instanceof Response) {
    const ending = new AbortController();
    held.isFedBy({ destroy: () => ending.abort() });
    return await holdBody(payload, limit, ending.signal);
  }
  const source = readableOf(payload);
  held.isFedBy(source);
  return await holdStream(source, limit, reply.getHeader('content-type'));
}

/** What is hijacked cannot be answered otherwise when the commit fails. */
function refuseHijack(reply: FastifyReply): void {
  reply.hijack = () => {
    throw new InvalidOptionError({
      what: 'A handler with a transaction of its route called reply.hijack(): its answer waits for the commit',
      remedy: 'Answer by reply.send(), or give the route no transaction and open one in the handler',
    });
  };
}
