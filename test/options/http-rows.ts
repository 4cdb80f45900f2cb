import { createServer } from 'node:http';
import { createHttpContext, readRouteOptions, shutdown } from '../../src/http/index.ts';
import { problemHandler as expressProblems } from '../../src/frameworks/express/index.ts';
import { sluice } from '../../src/frameworks/fastify/index.ts';
import { problemHandler as honoProblems } from '../../src/frameworks/hono/index.ts';
import { keptOptions } from './idempotency-rows.ts';
import { isolation, type Row } from './row.ts';
import { bytes, called, either, emptyObject, milliseconds, only, some, timer, truth, words } from './values.ts';

const secret = 'a secret of enough characters';

/** Of routes, whatever the framework. */
export const routeOptions: Row['options'] = {
  propagation: only('REQUIRED', 'REQUIRES_NEW', 'NESTED', 'SUPPORTS'),
  isolationLevel: isolation,
  readOnly: truth,
  timeout: milliseconds(1, timer, 5_000),
  retry: some({ attempts: 2 }),
  rollbackOn: called(),
  name: words(200),
  clientName: words(200, 'default'),
  rollbackOnStatus: called(),
  maxHeld: bytes(0, 1024 * 1024 * 1024),
  idempotency: either(truth, some({ required: false }), emptyObject),
};

/** Of what reads the context of requests, whatever the framework. */
export const contextOptions: Row['options'] = {
  secret: either(some(secret, [secret]), {
    good: [],
    accepts: (value) => typeof value === 'string' && value.length >= 16,
  }),
  maxAge: milliseconds(1, timer),
  timeout: milliseconds(1, timer),
  tenant: called(),
};

const ending = (...names: string[]): object => Object.fromEntries(names.map((name) => [name, () => undefined]));

export const httpRows: readonly Row[] = [
  {
    interface: 'SluiceFastifyOptions',
    entrance: 'sluice',
    call: (options, { database }) => sluice(database, options),
    options: { ...contextOptions, problems: truth, shutdown: either(some({ timeout: 5 }), emptyObject) },
  },
  ...[expressProblems, honoProblems].map((handler): Row => ({
    interface: 'ProblemHandlerOptions',
    entrance: 'problemHandler',
    call: handler,
    options: { onError: called() },
  })),
  {
    interface: 'HttpContextOptions',
    entrance: 'createHttpContext',
    call: (options, { database }) => createHttpContext(database, options),
    options: contextOptions,
  },
  {
    interface: 'RouteTransactionOptions',
    entrance: 'readRouteOptions',
    call: (options) => readRouteOptions(options, 'a route'),
    options: routeOptions,
  },
  {
    interface: 'RouteIdempotencyOptions',
    entrance: 'idempotency',
    call: (idempotency) => readRouteOptions({ idempotency }, 'a route'),
    instead: [true, false],
    options: { ...keptOptions, required: truth, scope: called(), fingerprint: called() },
  },
  {
    interface: 'ShutdownOptions',
    entrance: 'shutdown',
    call: (options, { database }) => shutdown(database, options),
    options: {
      server: some(createServer()),
      jobs: some(ending('close')),
      sagas: some(ending('stop')),
      events: some(ending('stop')),
      outbox: some(ending('stop')),
      relay: some(ending('stop')),
      timeout: milliseconds(0, timer),
    },
  },
];
