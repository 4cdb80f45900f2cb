import type { FastifyInstance, FastifyRequest } from 'fastify';
import { InvalidOptionError } from '../../core/index.ts';
import { asksForTransaction, givesTransaction } from './route.ts';

/** As much of a route as is looked at. */
interface Route {
  readonly method: string | readonly string[];
  readonly url: string;
  readonly config?: object | undefined;
}

/** Marks of an instance of Fastify, which all copies of the package know. */
const [scopeMark, rootMark] = [Symbol.for('sluice.fastify.scope'), Symbol.for('sluice.fastify.root')];

/** Notes that a scope has the plugin; false where it had it. */
export function noteScope(app: FastifyInstance): boolean {
  return mark(app, scopeMark);
}

/** What a second registration in one scope is answered with. */
export function registeredTwice(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'The plugin of Sluice was registered twice in one scope of Fastify',
    remedy:
      'Register it once, with the database of its routes. A part of the application with another database registers it in a plugin of its own; in a handler, use transaction() of the other database',
  });
}

/**
 * Refuses the routes of a whole application that ask for a transaction and have none, since the plugin is registered in a scope
 * that is not theirs, or later: `app.ready()` and `app.listen()` for those that are defined from now on, and the requests of those
 * that were defined before.
 */
export function refuseOutside(app: FastifyInstance): void {
  const root = rootOf(app);
  if (!mark(root, rootMark)) return;
  const routes: Route[] = [];
  root.addHook('onRoute', (route) => void routes.push(route));
  root.addHook('onReady', (done) => {
    const missed = routes.find(({ config }) => isMissed(config));
    done(missed === undefined ? undefined : outside(missed));
  });
  root.addHook('preValidation', (request, _reply, done) => {
    const { method, url } = request;
    done(isMissed(configOf(request)) ? outside({ method, url: url.replace(/\?.*/, '') }) : undefined);
  });
}

/** What the route of a request was defined with. Fastify before 4.23 has it under other names. */
function configOf(request: FastifyRequest): object | undefined {
  const { routeOptions, routeConfig, context }: AnyRequest = request;
  return routeOptions?.config ?? routeConfig ?? context?.config;
}

/** A request of any version. */
interface AnyRequest {
  readonly routeOptions?: { readonly config?: object };
  readonly routeConfig?: object;
  readonly context?: { readonly config?: object };
}

function isMissed(config: object | undefined): boolean {
  return config !== undefined && asksForTransaction(config) && !givesTransaction(config);
}

/** Scopes are made of the one around them, by its prototype. */
function rootOf(app: FastifyInstance): FastifyInstance {
  let root: object = app;
  for (;;) {
    const around: unknown = Object.getPrototypeOf(root);
    if (typeof around !== 'object' || around === null || !('addHook' in around)) return root as FastifyInstance;
    root = around;
  }
}

function mark(app: object, name: symbol): boolean {
  if (Object.hasOwn(app, name)) return false;
  Object.defineProperty(app, name, { value: true });
  return true;
}

function outside({ method, url }: Pick<Route, 'method' | 'url'>): InvalidOptionError {
  return new InvalidOptionError({
    what: `The route ${[method].flat().join('|')} ${url} asks for a transaction, and was defined before the plugin of Sluice was loaded, or in a scope of Fastify that does not have it`,
    remedy:
      'Write "await app.register(sluice(database))" before it, on the application itself; a plugin of yours that registers it has to be wrapped by "fastify-plugin"',
  });
}
