import pg from 'pg';
import type { DatabaseAddress } from '../../../driver/index.ts';
import {
  addressesOf,
  type ConnectionString,
  connectionStringFor,
  encodedOr,
  parseConnectionString,
} from './connection-string.ts';
import type { PostgresOptions } from './options.ts';
import { unusable } from './options.ts';
import { isTargetSessionAttrs, type TargetSessionAttrs } from './target-session.ts';

/** Where connections may go. */
export interface Servers {
  /** The settings for each host, in the order in which they are tried; at least one. */
  readonly configs: readonly [pg.ClientConfig, ...pg.ClientConfig[]];
  readonly wanted: TargetSessionAttrs;
  /** The hosts and the database in words. */
  readonly target: string;
  /** The same for telemetry. */
  readonly address: DatabaseAddress;
}

/** What the options say of where connections go and who they are. */
export type ServerOptions = Pick<
  PostgresOptions,
  'connectionString' | 'host' | 'port' | 'database' | 'user' | 'password' | 'targetSessionAttrs'
>;

/** @throws InvalidOptionError where pg does not understand the settings */
export function serversOf(options: ServerOptions, others: pg.ClientConfig): Servers {
  const { connectionString, targetSessionAttrs, ...own } = options;
  const parsed = connectionString === undefined ? undefined : parseConnectionString(connectionString);
  const inString = parsed?.parameters.get('target_session_attrs');
  parsed?.parameters.delete('target_session_attrs');
  const all = parsed === undefined ? fromOptions(own) : fromString(parsed, own);
  const configs = all.map((config) => ({ ...others, ...config }));
  const [first = others, ...rest] = configs;
  const wanted = isTargetSessionAttrs(inString) ? inString : (targetSessionAttrs ?? 'any');
  return { configs: [first, ...rest], wanted, ...placeOf([first, ...rest]) };
}

/** For questions of Sluice's own: the program's type parsers have no say in them. */
export function forProbes({ configs: [first, ...rest], ...others }: Servers, name: string): Servers {
  const forProbe = (config: pg.ClientConfig): pg.ClientConfig => ({
    ...config,
    types: undefined,
    application_name: name,
  });
  return { ...others, configs: [forProbe(first), ...rest.map(forProbe)] };
}

/** A client that is not connected yet. */
export function newClient(config: pg.ClientConfig): pg.Client {
  const client = new pg.Client(config);
  // pg prefers a connection string without a password to a function that gives one.
  if (typeof config.password === 'function') Object.assign(client, { password: config.password });
  return client;
}

function fromOptions({ host, ...own }: Omit<ServerOptions, 'connectionString'>): readonly pg.ClientConfig[] {
  const hosts = host === undefined ? undefined : addressesOf(host, undefined);
  const without = own as pg.ClientConfig;
  return hosts === undefined ? [without] : hosts.map((each) => ({ ...without, ...given({ host: each.host }) }));
}

/** What the string does not say comes from the other options; pg would take empty text for it. */
function fromString(
  parsed: ConnectionString,
  own: Omit<ServerOptions, 'connectionString'>,
): readonly pg.ClientConfig[] {
  const { password } = own;
  const completed = {
    ...parsed,
    user: parsed.user ?? own.user,
    password: parsed.password ?? (typeof password === 'string' ? password : undefined),
    database: parsed.database ?? encodedOr(own.database),
  };
  const port = own.port === undefined ? undefined : String(own.port);
  return parsed.addresses.map((address) => {
    const place = { host: address.host ?? own.host, port: address.port ?? port };
    const connectionString = connectionStringFor(completed, place);
    return typeof password === 'function' ? { connectionString, password } : { connectionString };
  });
}

function given(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function placeOf(configs: readonly pg.ClientConfig[]): Pick<Servers, 'target' | 'address'> {
  try {
    const clients = configs.map((config) => new pg.Client(config));
    const places = clients.map(({ host, port }) => `${host}:${port}`);
    const [first, ...others] = clients;
    const namespace = first?.database ?? undefined;
    // Of several it is not known which one is meant.
    const server = others.length === 0 ? { host: first?.host, port: first?.port } : {};
    return {
      target: `PostgreSQL at ${places.join(', ')}, database "${namespace ?? ''}"`,
      address: { system: 'postgresql', namespace, ...server },
    };
  } catch (cause) {
    throw unusable(cause);
  }
}
