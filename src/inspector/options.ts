import {
  aBoolean,
  type Check,
  InvalidOptionError,
  integer,
  label,
  listOf,
  milliseconds,
  readOptions,
  withMethods,
} from '../core/index.ts';
import { type Database, internalsOf } from '../database/index.ts';
import type { FleetBus } from './fleet/bus.ts';
import type { WatchedCache } from './look/own-process.ts';

/** What of this process an inspector shows, its own or that of another process. */
export interface WatchedOptions {
  /** The database that is shown. */
  readonly database?: Database | undefined;
  /** In place of `database`, where there are several. */
  readonly databases?: readonly Database[] | undefined;
  /** Caches whose hits are shown. */
  readonly caches?: readonly WatchedCache[] | undefined;
  /** What the process is called among others. Default: the name of the program's file. */
  readonly name?: string | undefined;
}

/** Options of `startInspector`. */
export interface InspectorOptions extends WatchedOptions {
  /** Over what the other processes of the fleet are asked: `postgresFleet()` or `redisFleet()`. Default: they are not. */
  readonly fleet?: FleetBus | undefined;
  /** Whether the servers are asked for the sessions of other programs, too. Default false. */
  readonly sessions?: boolean | undefined;
  /** Default 0: any that is free. */
  readonly port?: number | undefined;
  /** The address to listen on. Default `127.0.0.1`, which this machine alone reaches. */
  readonly host?: string | undefined;
  /** What the page shows to be let in, of at least 16 characters. Default: a new one, which stands in `url`. */
  readonly token?: string | undefined;
  /** Names by which browsers reach it in addition to `host` and `localhost`, as behind a proxy: `ops.example.com`, with its port where it is not the usual one. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Milliseconds between two looks, as long as a page is open. Default 1,000. */
  readonly interval?: number | undefined;
}

/** Options of `joinFleet`. */
export interface JoinFleetOptions extends WatchedOptions {
  /** Over what inspectors ask: `postgresFleet()` or `redisFleet()`. */
  readonly fleet: FleetBus;
}

const aDatabase: Check = (value) => {
  internalsOf(value as Database, 'An inspector');
  return undefined;
};

const aBus = withMethods('open', 'publish', 'close');
const aCache: Check = (value) =>
  typeof value === 'object' && value !== null && 'name' in value && 'statistics' in value ? undefined : 'a cache';

const watchedChecks: Record<keyof WatchedOptions, Check> = {
  database: aDatabase,
  databases: listOf(aDatabase, 100, 'a list of databases'),
  caches: listOf(aCache, 200, 'a list of caches, as createCache() makes them'),
  name: label(200),
};

const inspectorChecks: Record<keyof InspectorOptions, Check> = {
  ...watchedChecks,
  fleet: aBus,
  sessions: aBoolean,
  port: integer(0, 65_535),
  host: label(255),
  token: (value) =>
    typeof value === 'string' && /^[\x21-\x7e]{16,1024}$/.test(value)
      ? undefined
      : 'a secret of 16 to 1024 characters of ASCII without spaces',
  allowedHosts: listOf(label(255), 100, 'a list of host names'),
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

/** @throws InvalidOptionError where there are none, or both options are given */
export function databasesOf(owner: string, { database, databases }: WatchedOptions): readonly Database[] {
  if (database !== undefined && databases !== undefined) {
    throw new InvalidOptionError({
      what: `${owner} got both "database" and "databases"`,
      remedy: 'Give one of them',
    });
  }
  const all = databases ?? (database === undefined ? [] : [database]);
  if (all.length > 0) return all;
  throw new InvalidOptionError({ what: `${owner} got no "database"`, remedy: 'Give what createDatabase() returned' });
}
