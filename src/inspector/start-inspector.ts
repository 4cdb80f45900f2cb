import { randomBytes } from 'node:crypto';
import { reportBackgroundError } from '../channels/index.ts';
import { runInFrame } from '../context/index.ts';
import type { Database } from '../database/index.ts';
import { InspectorNotStartedError } from './errors.ts';
import { Fleet } from './fleet/fleet.ts';
import { Member } from './fleet/member.ts';
import { Guard } from './http/guard.ts';
import { Requests } from './http/serve.ts';
import { closeServer, listenOn, makeServer } from './http/server.ts';
import { Observer } from './observe/observer.ts';
import { Points } from './measure/points.ts';
import { databasesOf, type InspectorOptions, readInspectorOptions } from './options.ts';
import { actionsOf, desksOf, looksOf } from './work.ts';
import { type Watched, watched } from './watched.ts';

/** A page that shows the running system. Made by `startInspector`. */
export interface Inspector extends AsyncDisposable {
  /** Where the page is. The token stands behind the `#`, which browsers do not send: who has the URL may look. */
  readonly url: string;
  /** Ends the page's streams at once, and the server. */
  close(): Promise<void>;
}

/**
 * Starts a page that shows what this process does now and has done in the last 15 minutes, and what the other processes of its
 * fleet do. As long as no page is open nothing is counted, sent or asked.
 *
 * ```ts
 * const inspector = await startInspector(database);
 * console.log(inspector.url);
 * ```
 * @param database what is shown: one, or a list of several
 * @throws InvalidOptionError, InspectorNotStartedError
 */
export async function startInspector(
  database: Database | readonly Database[],
  options: InspectorOptions = {},
): Promise<Inspector> {
  const databases = databasesOf('startInspector', database);
  const read = readInspectorOptions(options);
  return await runInFrame(undefined, () => start(databases, read), undefined);
}

async function start(databases: readonly Database[], options: InspectorOptions): Promise<Inspector> {
  const { host = '127.0.0.1', port: wanted = 0, fleet: bus, interval = 1_000 } = options;
  const { token = randomBytes(24).toString('base64url'), allowedHosts = [] } = options;
  const own = watched(databases, options, () => observer.end());
  const points = new Points(Date.now);
  const fleet = bus === undefined ? undefined : new Fleet(bus, own.process.identity.id, addTo(points));
  const desks = desksOf(options);
  const looks = looksOf(options.sessions === true ? databases : [], desks);
  const { payloads = false } = options;
  const observer = new Observer({ ...own, fleet, points, ...looks, payloads, actions: actionsOf(desks), interval });
  const server = makeServer(() => requests);
  const port = await listening(server, host, wanted);
  const requests = new Requests(new Guard(token, hostsOf(host, port), allowedHosts), observer, desks);
  const leave = fleet === undefined || bus === undefined ? undefined : join(bus, fleet, own);
  const close = async (): Promise<void> => {
    requests.endStreams();
    observer.end();
    await closeServer(server);
    await leave?.();
    own.attention.close();
  };
  return { url: `http://${inUrl(host)}:${port}/#token=${token}`, close, [Symbol.asyncDispose]: close };
}

/** It asks and answers over the same connection. */
function join(bus: NonNullable<InspectorOptions['fleet']>, fleet: Fleet, own: Watched): () => Promise<void> {
  const member = new Member(own.process, bus, own.attention);
  const onMessage = (text: string): void => {
    member.hear(text);
    fleet.hear(text);
  };
  bus.open(onMessage, (error) => reportBackgroundError({ source: 'inspector: the fleet', error }));
  return async () => {
    await member.leave();
    await bus.close();
  };
}

function addTo(points: Points): ConstructorParameters<typeof Fleet>[2] {
  return ({ identity, seconds }) => points.add(identity.id, seconds);
}

async function listening(server: Parameters<typeof listenOn>[0], host: string, port: number): Promise<number> {
  try {
    return await listenOn(server, host, port);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    throw new InspectorNotStartedError({
      what: `The inspector cannot listen on port ${port} of its host${code}`,
      remedy: 'Give another port, or 0 for any that is free, and an address of this machine as host',
      cause,
    });
  }
}

/** As browsers send them. */
function hostsOf(host: string, port: number): readonly string[] {
  const names = [inUrl(host), 'localhost', '127.0.0.1', '[::1]'];
  return names.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]));
}

function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
