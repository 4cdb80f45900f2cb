import type { FastifyReply, RouteOptions } from 'fastify';
import { InvalidOptionError, isThenable, typeName } from '../../core/index.ts';
import { type HeldResponse, namedRoute, readRouteOptions, runHeld } from '../../http/index.ts';

/** In the configuration of a route whose handler was wrapped. */
const wrapped = Symbol('sluice.transaction');

/** Whether the handler of a route with this configuration runs in a transaction. */
export function givesTransaction(config: object): boolean {
  return wrapped in config;
}

/** Wraps the handler of a route that asks for a transaction. @throws InvalidOptionError for options that are refused */
export function wrapRoute(route: RouteOptions & { readonly path: string }): void {
  const { config, handler } = route;
  const asked: unknown = config?.transaction;
  if (config === undefined || asked === undefined || asked === false) return;
  const settings = readRouteOptions(asked === true ? {} : objectOf(asked), `The route ${route.path}`);
  if ('websocket' in route && route.websocket === true) throw websocket(route.path);
  const named = namedRoute(settings, [route.method].flat().join('|'), route.path);
  route.config = Object.assign({ ...config }, { [wrapped]: true });
  route.handler = async function inTransaction(request, reply) {
    const reset = resetTo(reply);
    const handle = async (held: HeldResponse): Promise<void> => {
      reset();
      await runHandler(() => handler.call(this, request, reply), reply, held);
    };
    refuseHijack(reply);
    try {
      await request.sluice.run(() => runHeld(request.sluice, reply.raw, handle, named));
    } catch (error) {
      reset();
      throw error;
    } finally {
      Reflect.deleteProperty(reply, 'hijack');
    }
  };
}

/** Takes back the status and headers that a handler has given, when its answer does not go out. */
function resetTo(reply: FastifyReply): () => void {
  const before = reply.getHeaders();
  const { statusCode } = reply;
  return () => {
    for (const name of Object.keys(reply.getHeaders())) {
      const value = before[name];
      if (value === undefined) reply.removeHeader(name);
      else reply.header(name, value);
    }
    reply.code(statusCode);
  };
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

/** Runs a handler to the end of its answer, whichever way it gives that: by its result, or by `reply.send`. */
async function runHandler(handler: () => unknown, reply: FastifyReply, held: HeldResponse): Promise<void> {
  let isSent = false;
  const send = reply.send.bind(reply);
  // As its own property, which is taken away below.
  reply.send = (...payload) => {
    isSent = true;
    return send(...payload);
  };
  try {
    const result = handler();
    const value: unknown = isThenable(result) ? await result : result;
    // A handler that is no async function may answer later.
    if (value !== undefined || (isThenable(result) && !isSent)) reply.send(value);
    await held.ended;
  } finally {
    Reflect.deleteProperty(reply, 'send');
  }
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
