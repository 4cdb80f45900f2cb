import { Server as NetServer } from 'node:net';
import { type Check, milliseconds, readOptions, withMethods } from '../core/index.ts';
import { checkDatabase, type Database } from '../database/index.ts';
import { askToLeave, type LeavableResponse } from './ask-to-leave.ts';

/** A server of `node:http`, `node:https` or `node:http2`, as `listen()` of Express and `serve()` of Hono return it. */
export interface StoppableServer {
  /** Stops accepting connections. */
  close(done?: (error?: Error) => void): unknown;
  /** Closes connections on which nothing is under way. */
  closeIdleConnections?(): void;
  /** Closes all connections. */
  closeAllConnections?(): void;
  /** Adds a listener before the others. */
  prependListener(event: 'request', listener: (request: unknown, response: unknown) => void): unknown;
}

/** What `close` ends. */
export interface Closable {
  /** Ends it. @param options `timeout`: how long it may take, in milliseconds */
  close(options: { readonly timeout: number }): Promise<void>;
}

/** What `stop` ends. */
export interface Stoppable {
  /** Ends it. @param options `timeout`: how long it may take, in milliseconds */
  stop(options: { readonly timeout: number }): Promise<void>;
}

/** Options of `shutdown`: what there is to be ended before the database, each of which may be left out. */
export interface ShutdownOptions {
  /** The server, of which requests that have begun are answered first. */
  readonly server?: StoppableServer | undefined;
  /** What `createJobs` returned; its workers end their jobs. */
  readonly jobs?: Closable | undefined;
  /** What `createSagas` returned; sagas that have not ended go on in another process. */
  readonly sagas?: Stoppable | undefined;
  /** What `createEvents` returned. */
  readonly events?: Stoppable | undefined;
  /** What `createOutbox` returned: its consumers, and its relay. Its broker is yours to close afterwards. */
  readonly outbox?: Stoppable | undefined;
  /** What `createRelay` returned. */
  readonly relay?: Stoppable | undefined;
  /** How long each of them may take, in milliseconds; then it is cut off. Default 10,000. */
  readonly timeout?: number | undefined;
}

/** The checks of the options. */
export const shutdownChecks: Record<keyof ShutdownOptions, Check> = {
  server: withMethods('close', 'prependListener'),
  jobs: withMethods('close'),
  sagas: withMethods('stop'),
  events: withMethods('stop'),
  outbox: withMethods('stop'),
  relay: withMethods('stop'),
  timeout: milliseconds(0),
};

/** What has begun to end. */
const ending = new WeakMap<Database, Promise<void>>();

/** How long connections without a request are left to clients that are about to send one, and how often is looked, in ms. */
const [grace, interval] = [250, 25];

/**
 * Ends a server in the order in which its parts need each other: no more connections, the requests that have begun, the workers
 * of jobs, sagas, the listeners of events, the outbox, the relay, the database. All of them are ended also if one fails.
 *
 * ```ts
 * import { createServer } from 'node:http';
 * const server = createServer((_request, response) => response.end()).listen(3000);
 * process.on('SIGTERM', () => void shutdown(database, { server, jobs }).then(() => process.exit(0)));
 * ```
 * Called again for the same database before it has ended, it is the first call that goes on: a supervisor, npm and a terminal may
 * each send the signal, so listen with `on`. With `once` the second signal ends the process at once.
 * @throws InvalidOptionError; AggregateError of what failed on the way
 */
export async function shutdown(database: Database, options: ShutdownOptions = {}): Promise<void> {
  checkDatabase('shutdown', database);
  const read = readOptions('shutdown', options, shutdownChecks);
  const underWay = ending.get(database) ?? end(database, read).finally(() => ending.delete(database));
  ending.set(database, underWay);
  await underWay;
}

async function end(database: Database, options: ShutdownOptions): Promise<void> {
  const { server, jobs, sagas, events, outbox, relay, timeout = 10_000 } = options;
  const errors: unknown[] = [];
  const steps = [
    () => (server === undefined ? undefined : stopServer(server, timeout)),
    () => jobs?.close({ timeout }),
    ...[sagas, events, outbox, relay].map((each) => () => each?.stop({ timeout })),
    () => database.close({ timeout }),
  ];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, 'the server was ended, but not all of it well');
}

/** A connection that is kept alive ends with its next answer, so that no client loses a request which it is sending. */
async function stopServer(server: StoppableServer, timeout: number): Promise<void> {
  server.prependListener('request', (_, response) => askToLeave(response as LeavableResponse));
  const begunAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error): void => {
        if (error === undefined || (error as { code?: unknown }).code === 'ERR_SERVER_NOT_RUNNING') resolve();
        else reject(error);
      };
      timer = setInterval(() => {
        const passed = performance.now() - begunAt;
        if (passed >= Math.min(grace, timeout)) server.closeIdleConnections?.();
        if (passed < timeout) return;
        // That of HTTP/2 cannot close what it has: the process ends without it.
        if (server.closeAllConnections === undefined) resolve();
        else server.closeAllConnections();
      }, interval);
      stopListening(server, done);
    });
  } finally {
    clearInterval(timer);
  }
}

/**
 * `close()` of an HTTP server closes idle connections too, on which a request may be on its way; that of a server does not. That of
 * HTTP/2 tells its clients to send no more requests, and which ones it takes.
 */
function stopListening(server: StoppableServer, done: (error?: Error) => void): void {
  const isHttp2 = 'updateSettings' in server;
  if (server instanceof NetServer && !isHttp2) NetServer.prototype.close.call(server, done);
  else server.close(done);
}
