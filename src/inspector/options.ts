import {
  aBoolean,
  type Check,
  fieldOf,
  InvalidOptionError,
  integer,
  isRecord,
  label,
  listOf,
  milliseconds,
  readOptions,
  withMethods,
} from '../core/index.ts';
import { aHandle, checkDatabase, type Database, type Db } from '../database/index.ts';
import type { FleetBus } from './fleet/bus.ts';
import type { WatchedCache } from './look/own-process.ts';
import type { WatchedJobs } from './desks/jobs-desk.ts';

/** What of this process an inspector shows, its own or that of another process. */
export interface WatchedOptions {
  /** Caches whose hits are shown. */
  readonly caches?: readonly WatchedCache[] | undefined;
  /** What the process is called among others. Default: the name of the program's file. */
  readonly name?: string | undefined;
}

/** Options of `startInspector`. */
export interface InspectorOptions extends WatchedOptions {
  /** Over what the other processes of the fleet are asked: `postgresFleet()` or `redisFleet()`. Default: they are not. */
  readonly fleet?: FleetBus | undefined;
  /** What `createJobs` has made: its jobs are counted and listed. Default: none are. */
  readonly jobs?: WatchedJobs | undefined;
  /** A handle, such as `database.current`, whose outbox is counted and listed, and what consumers have set aside. Default: none is. */
  readonly outbox?: Db | undefined;
  /** A handle, such as `database.current`, on the client that sagas live on: they are counted and listed. Default: none are. */
  readonly sagas?: Db | undefined;
  /** A handle, such as `database.current`, on the client of transactional events: their publications are counted and listed. Default: none are. */
  readonly events?: Db | undefined;
  /** Whether lists of jobs and messages have their payloads. Default false. */
  readonly payloads?: boolean | undefined;
  /** Whether the page may do more than look: retry, replay and discard jobs and messages, resume and cancel sagas, resubmit publications. Default false. */
  readonly actions?: boolean | undefined;
  /** Whether the servers are asked for the sessions of other programs, too. Default false. */
  readonly sessions?: boolean | undefined;
  /** Default 0: any that is free. */
  readonly port?: number | undefined;
  /** The address to listen on. Default `127.0.0.1`, which this machine alone reaches. */
  readonly host?: string | undefined;
  /** What the page shows to be let in, of at least 16 characters. Default: a new one, which stands in `url`. */
  readonly token?: string | undefined;
  /** Names by which browsers reach it in addition to `host` and `localhost`, as behind a proxy: `ops.example.com` on any port, `ops.example.com:8080` on that one. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Milliseconds between two looks, as long as a page is open. Default 1,000. */
  readonly interval?: number | undefined;
}

/** Options of `joinFleet`. */
export interface JoinFleetOptions extends WatchedOptions {
  /** Over what inspectors ask: `postgresFleet()` or `redisFleet()`. */
  readonly fleet: FleetBus;
}

const aBus = withMethods('open', 'publish', 'close');
const aCache: Check = (value) =>
  typeof value === 'object' && value !== null && 'name' in value && 'statistics' in value ? undefined : 'a cache';

const aJobs: Check = (value) => (isRecord(fieldOf(value, 'queues')) ? undefined : 'what createJobs() returned');

const aHost: Check = (value) =>
  typeof value === 'string' && value.length <= 255 && /^(?:[\w.-]+|\[[\d.:a-f]+\])(?::\d{1,5})?$/i.test(value)
    ? undefined
    : 'a host name';

const watchedChecks: Record<keyof WatchedOptions, Check> = {
  caches: listOf(aCache, 200, 'a list of caches, as createCache() makes them'),
  name: label(200),
};

const inspectorChecks: Record<keyof InspectorOptions, Check> = {
  ...watchedChecks,
  fleet: aBus,
  jobs: aJobs,
  outbox: aHandle,
  sagas: aHandle,
  events: aHandle,
  payloads: aBoolean,
  actions: aBoolean,
  sessions: aBoolean,
  port: integer(0, 65_535),
  host: label(255),
  token: (value) =>
    typeof value === 'string' && /^[\x21-\x7e]{16,1024}$/.test(value)
      ? undefined
      : 'a secret of 16 to 1024 characters of ASCII without spaces',
  allowedHosts: listOf(
    aHost,
    100,
    'a list of host names such as ops.example.com, with a port or without, and no https://',
  ),
  interval: milliseconds(100, 60_000),
};

const joinChecks: Record<keyof JoinFleetOptions, Check> = { ...watchedChecks, fleet: aBus };

/** @throws InvalidOptionError */
export function readInspectorOptions(options: InspectorOptions): InspectorOptions {
  return readOptions('startInspector', options, inspectorChecks);
}

/** @throws InvalidOptionError */
export function readJoinOptions(options: JoinFleetOptions): JoinFleetOptions {
  return readOptions('joinFleet', options, joinChecks, ['fleet']);
}

/** The databases that are watched, of a first argument that is one or a list of them. @throws InvalidOptionError */
export function databasesOf(owner: string, given: Database | readonly Database[]): readonly Database[] {
  if (!isList(given)) {
    checkDatabase(owner, given);
    return [given];
  }
  if (given.length === 0) {
    throw new InvalidOptionError({
      what: `${owner} got an empty list as its first argument, which is the database or several`,
      remedy: `Write ${owner}(database, options), with what createDatabase() returned`,
    });
  }
  for (const database of given) checkDatabase(owner, database);
  return [...given];
}

function isList(given: Database | readonly Database[]): given is readonly Database[] {
  try {
    return Array.isArray(given);
  } catch {
    return false;
  }
}
