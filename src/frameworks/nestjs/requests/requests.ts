import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { type ContextCarrier, createContextCarrier, type Database, withContext } from '../../../index.ts';
import {
  createHttpContext,
  disconnectSignal,
  type HttpContext,
  type HttpContextOptions,
  type RequestContext,
} from '../../../http/index.ts';

/** A request or response, as Express and Fastify give it. */
export interface Wrapped<Raw> {
  /** That of Node.js, where the framework has one of its own. */
  readonly raw?: Raw;
}

/** A request of Node.js, as a framework gives it. */
export type AnyRequest = Wrapped<IncomingMessage> & { readonly headers: IncomingHttpHeaders };
/** A response of Node.js, as a framework gives it. */
export type AnyResponse = Wrapped<ServerResponse>;

/** The contexts of the requests that are under way, by the requests of Node.js. */
const contexts = new WeakMap<object, RequestContext>();

/** That of a framework, or the request itself. */
export function rawOf<Raw>(wrapped: Wrapped<Raw>): Raw {
  return wrapped.raw ?? (wrapped as Raw);
}

/** What Sluice knows of a request. */
export function contextOf(request: AnyRequest): RequestContext | undefined {
  return contexts.get(rawOf(request));
}

/** Enters the contexts of what comes to an application, over HTTP and as messages. */
export class Requests {
  /** The database of requests, where a route names none. */
  readonly database: Database;
  readonly #http: HttpContext;
  readonly #messages: ContextCarrier;
  readonly #timeout: number | undefined;

  constructor(database: Database, options: HttpContextOptions) {
    const { tenant: _, timeout, ...carried } = options;
    this.database = database;
    this.#http = createHttpContext(database, options);
    this.#messages = createContextCarrier(database, carried);
    this.#timeout = timeout;
  }

  /** Runs `body` at once in the context of a request; a second time in that which it has. */
  async enter<Result>(
    request: AnyRequest,
    response: AnyResponse,
    body: (context: RequestContext) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    const known = contextOf(request);
    if (known !== undefined) return await known.run(() => body(known));
    const received = { headers: request.headers, signal: disconnectSignal(rawOf(response)) };
    return await this.#http.run(request, received, (context) => {
      contexts.set(rawOf(request), context);
      return body(context);
    });
  }

  /** Runs `body` in the context that came with a message. */
  async enterMessage<Result>(headers: Record<string, unknown>, body: () => Promise<Result>): Promise<Result> {
    const timeout = this.#timeout;
    return await this.#messages.runWithContext(headers, () =>
      timeout === undefined ? body() : withContext({ timeout }, body),
    );
  }
}
