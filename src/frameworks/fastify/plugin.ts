import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from 'fastify';
import { aBoolean, type Check, optionsOf, readOptions } from '../../core/index.ts';
import type { Database } from '../../index.ts';
import {
  createHttpContext,
  disconnectSignal,
  type HttpContext,
  httpContextChecks,
  type HttpContextOptions,
  ownStatusOf,
  problemOf,
  type RequestContext,
  responseClosed,
  type RouteTransactionOptions,
  shutdown,
  shutdownChecks,
  type ShutdownOptions,
} from '../../http/index.ts';
import { noteAnswered, wrapRoute } from './route.ts';
import { noteScope, refuseOutside, registeredTwice } from './scopes.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The context of the request: its `signal`, and `run()` for callbacks that come without it. */
    sluice: RequestContext;
    /** Runs a body in a transaction that ends when the client goes away; otherwise as `database.transaction`. */
    transaction: RequestContext['transaction'];
  }
  interface FastifyContextConfig {
    /** Runs the handler in a transaction that commits before the answer goes out. Default: none. */
    transaction?: boolean | RouteTransactionOptions<FastifyRequest>;
  }
}

/** Options of the plugin. */
export interface SluiceFastifyOptions extends HttpContextOptions<FastifyRequest> {
  /** Whether errors without a status of their own are answered by the plugin. Default true. */
  readonly problems?: boolean | undefined;
  /** What `app.close()` ends after the last request, in this order: jobs, sagas, events, outbox, relay, the database. Default: nothing. */
  readonly shutdown?: Omit<ShutdownOptions, 'server'> | undefined;
}

const { server: _, ...endChecks } = shutdownChecks;
const checks: Record<keyof SluiceFastifyOptions, Check> = {
  ...httpContextChecks,
  problems: aBoolean,
  shutdown: optionsOf('The option "shutdown"', endChecks),
};

/**
 * A plugin that gives each request its context: deadline, trace, tenant and level from its headers, and the client's disconnect
 * as a signal. A route with `config: { transaction: true }`, or options in place of `true`, runs in a transaction, which commits
 * before the answer goes out and rolls back for an error, for a status from 400, and when the client leaves. Await it before
 * you define routes.
 *
 * ```ts
 * import fastify from 'fastify';
 * import { sluice } from 'sluice/fastify';
 * const app = fastify();
 * await app.register(sluice(database, { timeout: 5_000, shutdown: { jobs } }));
 * app.post('/orders', { config: { transaction: true } }, async (_request, reply) => {
 *   await checkout(id);
 *   return reply.code(201).send({ sold: true });
 * });
 * ```
 * @throws InvalidOptionError
 */
export function sluice(database: Database, options: SluiceFastifyOptions = {}): FastifyPluginCallback {
  const { problems = true, shutdown: ends, ...others } = readOptions('sluice', options, checks);
  // One that is given and undefined is warned of there, and was left out by the reading.
  const secret = 'secret' in options ? { secret: others.secret } : {};
  const contexts = createHttpContext<FastifyRequest>(database, { ...others, ...secret });
  const plugin: FastifyPluginCallback = (app, _options, done) => {
    if (!noteScope(app)) return done(registeredTwice());
    decorate(app);
    enterContexts(app, contexts);
    refuseOutside(app);
    app.addHook('onRoute', wrapRoute);
    app.addHook('onError', noteAnswered);
    if (problems) answerProblems(app);
    if (ends !== undefined) app.addHook('onClose', async () => await shutdown(database, ends));
    done();
  };
  // For the whole instance that registers it, as fastify-plugin does.
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'sluice',
  });
}

/** A part of an application that has a database of its own is in one whose requests are decorated. */
function decorate(app: FastifyInstance): void {
  if (app.hasRequestDecorator('sluice')) return;
  app.decorateRequest('sluice');
  app.decorateRequest('transaction', function transaction(this: FastifyRequest, body, options) {
    return this.sluice.transaction(body, options);
  });
}

function enterContexts(app: FastifyInstance, contexts: HttpContext<FastifyRequest>): void {
  app.addHook('onRequest', (request, reply, done) => {
    const received = { headers: request.headers, signal: disconnectSignal(reply.raw) };
    const run = async (context: RequestContext): Promise<void> => {
      request.sluice = context;
      // Before the handler, whose own listeners count: a held answer is awaited by them.
      const closed = responseClosed(reply.raw);
      done();
      // What still runs after the answer is no part of it.
      await closed;
    };
    contexts.run(request, received, run).catch(done);
  });
  // The body is parsed in callbacks that know nothing of the request.
  app.addHook('preValidation', (request, _reply, done) => request.sluice.run(() => done()));
}

function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    // Errors of Fastify, of its plugins and of http-errors say themselves what is answered.
    if (ownStatusOf(error) !== undefined) throw error;
    const { status, headers, body } = problemOf(error, request.raw);
    if (status === 500) request.log.error({ err: error }, 'request failed');
    else request.log.info({ err: error }, 'request failed');
    // As text: it has a content type of its own.
    return reply.code(status).headers(headers).send(JSON.stringify(body));
  });
}
