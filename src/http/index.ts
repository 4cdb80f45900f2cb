/**
 * What every server needs that has Sluice behind it, whatever its framework: the context of a request from its headers, the
 * client's disconnect as a signal, a transaction that commits before the answer goes out, statuses for errors, and the order of
 * shutdown. `sluice/fastify`, `sluice/express` and `sluice/hono` are made of it; for another framework:
 *
 * 1. Once: `contexts = createHttpContext(database, { secret, timeout, tenant })`.
 * 2. For each request, as early as can be: `contexts.run(request, { headers, signal }, (context) => next())`, with
 *    `disconnectSignal(response)` for the signal. It refuses headers by a rejection. Keep `context` with the request.
 * 3. For a route with a transaction: `routeTransaction(context, async () => ({ status, value }), options)`. It gives the value
 *    once it is committed, and only then may the answer be sent. Where handlers send it themselves through a response of Node.js,
 *    `runHeld` keeps it back until then, by a `HeldResponse`.
 * 4. For errors: `problemOf(error)`, or `httpStatusOf(error)`.
 * 5. At the end: `shutdown(database, { server, jobs, sagas, events, outbox, relay })`.
 */
export { askToLeave, type LeavableResponse } from './ask-to-leave.ts';
export {
  disconnectSignal,
  disconnectSignalOf,
  type NodeResponse,
  type NodeStream,
  responseClosed,
} from './disconnect.ts';
export { ClientDisconnectedError, ResponseNotHeldError } from './errors.ts';
export { holdBody, holdStream, readableOf, type StreamedBody } from './held-body.ts';
export { copyHeaders, type HeadersBefore, HeldResponse } from './held-response.ts';
export { type HeldRequest, runHeld } from './held-route.ts';
export type { IdempotencySettings, RouteIdempotencyOptions } from './idempotency-options.ts';
export type { KeptRoute, RouteRequest } from './idempotent-route.ts';
export { type KeptAnswer, keptHeaders, replayedHeader } from './kept-answer.ts';
export { httpStatusOf, type NodeRequest, ownStatusOf, type Problem, problemOf } from './problem.ts';
export {
  type FailedRequest,
  type ProblemHandlerOptions,
  problemReporter,
  reportInBackground,
} from './report-failure.ts';
export {
  createHttpContext,
  type HttpContext,
  httpContextChecks,
  type HttpContextOptions,
  type ReceivedRequest,
  type RequestContext,
} from './request-context.ts';
export {
  namedRoute,
  type RouteSettings,
  readRouteOptions,
  type RouteAnswer,
  routeOptionNames,
  routeTransaction,
  type RouteTransactionOptions,
  runRoute,
} from './route-transaction.ts';
export {
  type Closable,
  shutdown,
  shutdownChecks,
  type ShutdownOptions,
  type Stoppable,
  type StoppableServer,
} from './shutdown.ts';
