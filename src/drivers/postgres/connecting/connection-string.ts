/** A host of a connection string; what is not there comes from other settings. */
export interface ServerAddress {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string | undefined;
  readonly port: string | undefined;
}

/** A connection string of libpq, as far as it is looked at here. */
export interface ConnectionString {
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** At least one. */
  readonly addresses: readonly ServerAddress[];
  /** As it stands in a connection string. */
  readonly database: string | undefined;
  /** What else stands behind the `?`. */
  readonly parameters: URLSearchParams;
}

/**
 * Takes a connection string apart: `postgres://user:password@host1:port1,host2:port2/database?parameters`, where hosts
 * and ports may be among the parameters, and `socket:/folder?db=database`. Nothing where it is none.
 */
export function parseConnectionString(text: string): ConnectionString | undefined {
  const parts = /^(postgres|postgresql|socket):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?$/.exec(text);
  if (parts === null) return undefined;
  const [, scheme, authority = '', path = '', query = ''] = parts;
  if (scheme !== 'socket' && text.charAt(text.indexOf(':') + 1) !== '/') return undefined;
  const at = authority.lastIndexOf('@');
  const [user, password] = credentialsIn(at < 0 ? '' : authority.slice(0, at));
  const parameters = new URLSearchParams(query);
  const hosts = take(parameters, 'host');
  const ports = take(parameters, 'port');
  const login = { user: take(parameters, 'user') ?? user, password: take(parameters, 'password') ?? password };
  if (scheme === 'socket') {
    rename(parameters, 'encoding', 'client_encoding');
    const addresses = [{ host: hosts ?? decoded(path), port: ports }];
    return { ...login, addresses, database: encodedOr(take(parameters, 'db')), parameters };
  }
  const addresses = hosts === undefined ? addressesIn(authority.slice(at + 1), ports) : addressesOf(hosts, ports);
  if (addresses === undefined || addresses.some(isImpossible)) return undefined;
  return { ...login, addresses, database: encodedOr(readable(path.slice(1)) || undefined), parameters };
}

/** The connection string for one of the hosts, in a form that `pg` understands. */
export function connectionStringFor(
  { user = '', password, database = '', parameters }: Omit<ConnectionString, 'addresses'>,
  { host, port }: ServerAddress,
): string {
  const all = new URLSearchParams(parameters);
  if (host !== undefined) all.set('host', host);
  if (port !== undefined) all.set('port', port);
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
  const login = user === '' && secret === '' ? '' : `${encodeURIComponent(user)}${secret}@`;
  return `postgres://${login}/${database}?${all.toString().replaceAll('+', '%20')}`;
}

/** A database's name as it stands in a connection string. */
export function encodedOr(name: string | undefined): string | undefined {
  return name === undefined ? undefined : encodeURI(name).replaceAll('?', '%3F').replaceAll('#', '%23');
}

function credentialsIn(text: string): readonly [user: string | undefined, password: string | undefined] {
  const [user = '', ...rest] = text.split(':');
  return [decoded(user) || undefined, rest.length === 0 ? undefined : decoded(rest.join(':')) || undefined];
}

/** `host`, `host:port`, `[address]:port`, several of them with commas between. */
function addressesIn(text: string, ports: string | undefined): readonly ServerAddress[] | undefined {
  const found = text.split(',').map((each) => /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(each));
  if (ports !== undefined) return addressesOf(found.map((match) => match?.[1] ?? match?.[2] ?? '').join(','), ports);
  if (found.includes(null)) return undefined;
  return found.map((match) => ({
    host: decoded(match?.[1] ?? match?.[2] ?? '') || undefined,
    port: match?.[3] || undefined,
  }));
}

/** Lists of hosts and ports: one port is for all hosts. */
export function addressesOf(hosts: string, ports: string | undefined): readonly ServerAddress[] | undefined {
  const hostList = hosts.split(',');
  const portList = ports?.split(',') ?? [];
  if (portList.length > 1 && portList.length !== hostList.length) return undefined;
  return hostList.map((host, index) => ({
    host: host || undefined,
    port: (portList.length === 1 ? portList[0] : portList[index]) || undefined,
  }));
}

function isImpossible({ port }: ServerAddress): boolean {
  return port !== undefined && !(/^\d+$/.test(port) && Number(port) > 0 && Number(port) < 65_536);
}

function take(parameters: URLSearchParams, name: string): string | undefined {
  const value = parameters.get(name);
  parameters.delete(name);
  return value === null || value === '' ? undefined : value;
}

function rename(parameters: URLSearchParams, from: string, to: string): void {
  const value = take(parameters, from);
  if (value !== undefined) parameters.set(to, value);
}

/** A `%` that begins no escape is taken literally. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** As pg reads the name of a database. */
function readable(text: string): string {
  try {
    return decodeURI(text);
  } catch {
    return text;
  }
}
