import pg from 'pg';
import type { Database } from '../../database/index.ts';
import { type AmbientPoolOptions, createAmbientPool } from './ambient-pool/pool.ts';
import type { ClientDefinition, Driver, DriverConnection } from '../../driver/index.ts';
import { PostgresConnection } from './connection.ts';
import type { WireValue } from './exchange.ts';
import { describeConnectFailure } from './failure.ts';
import { createInspector } from './inspect.ts';
import { fulfilsIsolation, requestedIsolation } from './isolation.ts';
import { identify, openLockProbe } from './lock-probe.ts';
import { readPostgresOptions, type PostgresOptions, preparedLimit, unusable } from './options.ts';
import { internalsOf } from './pg-types.ts';

/** How pg turns a JavaScript value into text for the server; `@types/pg` does not name it. */
const { prepareValue } = (pg as unknown as { utils: { prepareValue: (value: unknown) => WireValue } }).utils;

/** A division by zero, since SQL has no way to raise an error without PL/pgSQL, which may be missing. */
const refusal = `select 1 / (clock_timestamp() < transaction_timestamp() + $1 * interval '1 millisecond')::int`;

/**
 * Defines a client on PostgreSQL. It uses `pg.Client` and not `pg.Pool`: the budget by level decides
 * who gets a connection and when, which a pool with one waiting line cannot, and a connection has to
 * count until the server has let go of it.
 * @throws InvalidOptionError for unknown or impossible options
 */
export function postgres(given: PostgresOptions = {}): ClientDefinition {
  const options = readPostgresOptions(given);
  const { max, maxLevel, budget, acquireTimeout, idleTimeout, preparedStatements, applicationName, ...connection } =
    options;
  const config = { ...connection, application_name: applicationName ?? 'sluice', keepAlive: true } as pg.ClientConfig;
  const limit = preparedLimit(preparedStatements);
  const warnOnce = warningOfPooler();
  const driver: Driver = {
    dialect: 'postgres',
    target: targetOf(config),
    async connect(signal) {
      const connection = await connect(config, limit, signal);
      if (connection.backend.startedAt === undefined) warnOnce();
      return connection;
    },
    classifyConnect: describeConnectFailure,
    isolation: requestedIsolation,
    fulfils: fulfilsIsolation,
    inspect: createInspector(),
    refusalAfter: (milliseconds) => ({ text: refusal, values: [milliseconds] }),
    libraryPool: (database, clientName, poolOptions) =>
      createAmbientPool(database as Database, clientName, { config, max, ...(poolOptions as AmbientPoolOptions) }),
    openLockProbe: (signal) => openLockProbe(config, signal),
  };
  return { driver, pool: { max, maxLevel, budget, acquireTimeout, idleTimeout } };
}

/** Where connections go, as pg understands the settings. @throws InvalidOptionError where it does not */
function targetOf(config: pg.ClientConfig): string {
  try {
    const { host, port, database } = new pg.Client(config);
    return `PostgreSQL at ${host}:${port}, database "${database ?? ''}"`;
  } catch (cause) {
    throw unusable(cause);
  }
}

async function connect(config: pg.ClientConfig, limit: number, signal: AbortSignal): Promise<DriverConnection> {
  signal.throwIfAborted();
  const client = new pg.Client(config);
  // Until the connection listens itself; pg emits errors after connect() has rejected, too.
  client.on('error', () => {});
  const onAbort = (): void => void internalsOf(client).connection.stream.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await client.connect();
    return new PostgresConnection(client, await identify(client), limit, prepareValue);
  } catch (error) {
    onAbort();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function warningOfPooler(): () => void {
  let warned = false;
  return () => {
    if (warned) return;
    warned = true;
    process.emitWarning(
      'The server does not tell which of its backends a connection has (a pooler in transaction mode?), so row locks along a chain are not detected; give transactions a timeout',
      { type: 'SluiceWarning', code: 'SLUICE_LOCK_DETECTION_OFF' },
    );
  };
}
