import type { CallHandler, ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { from, lastValueFrom, Observable } from 'rxjs';
import {
  copyHeaders,
  askToLeave,
  type HeadersBefore,
  type HeldRequest,
  type HeldResponse,
  type RequestContext,
  runHeld,
  runRoute,
} from '../../../http/index.ts';
import { keptValue } from './kept-value.ts';
import { holdValue } from './held-value.ts';
import { messageHeaders } from './message-headers.ts';
import { databaseNamed, type OpenParts } from '../parts/open-parts.ts';
import { type AnyRequest, type AnyResponse, rawOf, type Requests } from './requests.ts';
import { answersItself, type NotedRoute, routeKey } from './route-transaction.ts';

/** Runs handlers in the contexts of their messages, and routes in their transactions. */
export class RequestInterceptor {
  readonly #requests: Requests;
  readonly #parts: OpenParts;
  readonly #reflector: Reflector;

  constructor(requests: Requests, parts: OpenParts, reflector: Reflector) {
    this.#requests = requests;
    this.#parts = parts;
    this.#reflector = reflector;
  }

  /** Nest calls it for each request and message. */
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const type = context.getType();
    if (type === 'rpc') return this.#interceptMessage(context, next);
    if (type !== 'http') return next.handle();
    const http = context.switchToHttp();
    const [request, response] = [http.getRequest<AnyRequest>(), http.getResponse<AnyResponse>()];
    const raw = rawOf(response);
    if (this.#parts.isEnding) askToLeave(raw);
    const noted = this.#reflector.getAllAndOverride<NotedRoute | undefined>(routeKey, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (noted === undefined) return next.handle();
    const handle = (): Promise<unknown> => lastValueFrom(next.handle(), { defaultValue: undefined });
    const received = noted.settings.idempotency === undefined ? undefined : receivedBy(context, request, response);
    if (received !== undefined && !answersItself(context)) {
      const enter: Parameters<typeof keptValue>[0]['enter'] = (body) =>
        this.#requests.enter(request, response, (entered) => body(this.#on(entered, noted.database)));
      return keptValue({ enter, handle, response: raw, settings: noted.settings, received });
    }
    return from(
      this.#requests.enter(request, response, (entered) =>
        this.#runRoute(
          this.#on(entered, noted.database),
          noted,
          raw,
          handle,
          answersItself(context),
          response.raw !== undefined,
          received,
        ),
      ),
    );
  }

  async #runRoute(
    entered: RequestContext,
    { settings }: NotedRoute,
    response: ReturnType<typeof rawOf<AnyResponse['raw'] & object>>,
    handle: () => Promise<unknown>,
    isHeld: boolean,
    isFastify: boolean,
    received: HeldRequest | undefined,
  ): Promise<unknown> {
    if (!isHeld) return await runReturned(entered, settings, response, handle, isFastify);
    let value: unknown;
    const handler = async (held: HeldResponse): Promise<void> => {
      value = await handle();
      // It may be sent after the handler has returned.
      await held.ended;
    };
    await runHeld(entered, response, handler, settings, received);
    return value;
  }

  /** A route may name another database than that of the requests. */
  #on(entered: RequestContext, name: string | undefined): RequestContext {
    if (name === undefined) return entered;
    const database = databaseNamed(this.#parts, name, '@TransactionalRoute');
    const { signal } = entered;
    return { ...entered, database, transaction: (body, options) => database.transaction(body, { signal, ...options }) };
  }

  /** What a handler emits goes on as it comes. */
  #interceptMessage(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const headers = messageHeaders(context.switchToRpc().getContext());
    return new Observable((subscriber) => {
      const handle = (): Promise<void> =>
        new Promise((resolve, reject) => {
          const values = next.handle().subscribe({
            next: (value) => subscriber.next(value),
            error: reject,
            complete: resolve,
          });
          subscriber.add(values);
          subscriber.add(resolve);
        });
      this.#requests.enterMessage(headers, handle).then(
        () => subscriber.complete(),
        (error: unknown) => subscriber.error(error),
      );
    });
  }
}

/** The request, as an idempotent route looks at it. */
function receivedBy(context: ExecutionContext, request: AnyRequest, response: AnyResponse): HeldRequest {
  const { method = '', url = '' } = rawOf(request);
  const known: FrameworkRequest = request;
  const route = known.routeOptions?.url ?? known.route?.path ?? context.getHandler().name;
  // Those of Fastify are not on the response of Node.js before its answer.
  const before = response.raw === undefined ? {} : copyHeaders((response as WithHeaders).getHeaders());
  return {
    request,
    method,
    headers: request.headers,
    route: `${known.baseUrl ?? ''}${textOf(route)}`,
    url: known.originalUrl ?? url,
    body: () => known.body,
    before: () => before,
  };
}

/** Express takes patterns too. */
function textOf(route: unknown): string {
  return typeof route === 'string' ? route : [route].flat().join();
}

/** A reply of Fastify. */
interface WithHeaders {
  getHeaders(): HeadersBefore;
}

/** As much of a request as is looked at, of Express and of Fastify. */
type FrameworkRequest = AnyRequest & {
  readonly body?: unknown;
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly route?: { readonly path?: unknown };
  readonly routeOptions?: { readonly url?: string };
};

/** Runs a handler whose result is the answer, which Nest sends when the transaction is over. */
async function runReturned(
  entered: RequestContext,
  settings: NotedRoute['settings'],
  response: { readonly statusCode: number },
  handle: () => Promise<unknown>,
  isFastify: boolean,
): Promise<unknown> {
  const ending = new AbortController();
  const handler = async (): Promise<{ status: number; value: unknown }> => {
    const value = await holdValue(await handle(), settings.maxHeld, ending.signal, isFastify);
    return { status: response.statusCode, value };
  };
  try {
    return await runRoute(entered, handler, settings);
  } finally {
    ending.abort();
  }
}
