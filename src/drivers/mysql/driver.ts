import { createConnection, type Connection, type ConnectionOptions } from 'mysql2';
import type { Database } from '../../database/index.ts';
import {
  type ClientDefinition,
  type ConcreteIsolation,
  type DatabaseAddress,
  type Driver,
  type DriverConnection,
  partPoolOptions,
  nameQuoter,
  warnOfMissing,
} from '../../driver/index.ts';
import { mysqlDialect } from './dialect/index.ts';
import { createAmbientPool } from './ambient-pool/pool.ts';
import { MysqlConnection } from './exchange/connection.ts';
import { CommitProbe } from './commit-probe.ts';
import { cancelAndClose } from './connecting/cancel-and-close.ts';
import { guardReads } from './wire/guarded-reads.ts';
import { describeConnectFailure } from './exchange/failure.ts';
import { inspectText } from './sql/inspect.ts';
import { fulfilsIsolation, requestedIsolation } from './sql/isolation.ts';
import { mysqlSettings } from './sql/settings.ts';
import { currentSettings, unlessAborted } from './connecting/login.ts';
import { openLockProbe } from './lock-probe.ts';
import { readMysqlOptions, type MysqlOptions } from './connecting/options.ts';
import { openSession } from './connecting/server-info.ts';
import { signed, warningOnce, calledAs } from '../../core/index.ts';

/** A peer that is gone is noticed this long after it has said nothing, and ten more seconds. In milliseconds. */
const keepAliveInitialDelay = 30_000;

/**
 * Defines a client on MySQL or MariaDB. It uses connections of mysql2 and not its pool: the budget by level
 * decides who gets a connection and when.
 *
 * Values are sent as parameters, for `?` or `$1`, `$2`; a text with values is prepared once per connection.
 *
 * ```ts
 * const client = mysql({ uri: 'mysql://shop@db.internal:3306/shop', password: () => readSecret('db'), max: 20 });
 * ```
 * @throws InvalidOptionError for unknown or impossible options
 */
export function mysql(given: MysqlOptions = {}): ClientDefinition {
  const { pool, own } = partPoolOptions(readMysqlOptions(given));
  const { password, settings, resolveCommit = false, pipelining = true, maxResultBytes, ...others } = own;
  const limits = { pipelining, maxResultBytes };
  const config = configOf(others);
  if (own.host === undefined && own.socketPath === undefined)
    warnOfMissing('mysql', { given, read: own }, 'uri', targetOf(config));
  const current = currentSettings(config, password);
  const ends = cancelAndClose(current);
  const commits = resolveCommit ? new CommitProbe(current) : undefined;
  const warnOnce = warningOfProxy();
  // What transactions get that ask for nothing; the weakest counts until a server has told.
  let defaultIsolation: ConcreteIsolation | undefined;
  // The first connection tells which product it is.
  let address: DatabaseAddress = { system: 'mysql', ...addressOf(config) };

  const connect = async (signal: AbortSignal): Promise<DriverConnection> => {
    signal.throwIfAborted();
    const client = createConnection(await unlessAborted(current(), signal));
    const onAbort = (): void => client.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await connected(client, signal);
      const { backend, server } = await unlessAborted(openSession(client), signal);
      ({ defaultIsolation } = server);
      const system = server.isMariaDb ? 'mariadb' : 'mysql';
      if (system !== address.system) address = { ...address, system };
      if (backend.startedAt === undefined) warnOnce();
      guardReads(client);
      const connection = new MysqlConnection({ client, backend, server, ends, limits });
      await commits?.opened(connection, client, signal);
      return connection;
    } catch (error) {
      onAbort();
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  };
  const driver: Driver = {
    ...mysqlDialect,
    target: targetOf(config),
    get address() {
      return address;
    },
    connect,
    classifyConnect: describeConnectFailure,
    isolation: requestedIsolation,
    fulfils: (running, wanted) => fulfilsIsolation(running ?? defaultIsolation ?? 'READ_UNCOMMITTED', wanted),
    usualIsolation: () => (defaultIsolation === undefined ? 'REPEATABLE_READ' : undefined),
    inspect: inspectText,
    quoteName: nameQuoter('`', 64),
    settings: mysqlSettings,
    commits,
    libraryPool: libraryPoolOf(typeof password === 'string' ? { ...config, password } : config),
    openLockProbe: (signal) => openLockProbe(current, signal),
  };
  return signed({ driver, pool, ...(settings === undefined ? {} : { settings }) });
}
calledAs(mysql, 'mysql({ uri })');

function libraryPoolOf(config: ConnectionOptions): NonNullable<Driver['libraryPool']> {
  return (database, clientName, { bigNumberStrings }) =>
    createAmbientPool(database as Database, clientName, {
      ...config,
      ...(bigNumberStrings === true && { bigNumberStrings }),
    });
}

/** The settings of every connection, without the password. */
function configOf({
  preparedStatements,
  ssl,
  ...connection
}: Omit<MysqlOptions, 'password' | 'settings' | 'resolveCommit' | 'pipelining' | 'maxResultBytes'>): ConnectionOptions {
  return {
    charset: 'utf8mb4',
    supportBigNumbers: true,
    ...(defined(connection) as ConnectionOptions),
    maxPreparedStatements: preparedStatements ?? 256,
    enableKeepAlive: true,
    keepAliveInitialDelay,
    connectTimeout: 0,
    // The server could ask for any file of this machine.
    flags: ['-LOCAL_FILES'],
    ...(ssl === undefined || ssl === false
      ? {}
      : { ssl: ssl === true ? {} : (ssl as NonNullable<ConnectionOptions['ssl']>) }),
  };
}

/** Without what is undefined, which would take the place of a default. */
function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function connected(client: Connection, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // It stays: mysql2 emits errors after the first one, too.
    client.on('error', reject);
    client.once('connect', () => resolve());
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function targetOf(options: ConnectionOptions): string {
  const { host, port, namespace } = addressOf(options);
  return `MySQL or MariaDB at ${port === undefined ? host : `${host}:${port}`}, database "${namespace ?? ''}"`;
}

function addressOf({ uri, host, port, socketPath, database }: ConnectionOptions): Omit<DatabaseAddress, 'system'> {
  const url = uri === undefined ? undefined : new URL(uri);
  const inUrl = url === undefined ? undefined : decodeURIComponent(url.pathname.slice(1));
  const namespace = database ?? (inUrl === '' ? undefined : inUrl);
  if (socketPath !== undefined) return { host: socketPath, namespace };
  return { host: host ?? url?.hostname ?? 'localhost', port: Number(port ?? (url?.port || 3306)), namespace };
}

function warningOfProxy(): () => void {
  return warningOnce(
    'SLUICE_LOCK_DETECTION_OFF',
    'The server does not tell which of its connections this is (a proxy?), so row locks along a chain are not detected; give transactions a timeout',
  );
}
