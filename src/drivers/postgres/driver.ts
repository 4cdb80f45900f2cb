import pg from 'pg';
import type { Database } from '../../database/index.ts';
import { type AmbientPoolOptions, createAmbientPool } from './ambient-pool/pool.ts';
import {
  type Backend,
  type ClientDefinition,
  type Driver,
  type DriverConnection,
  partPoolOptions,
} from '../../driver/index.ts';
import { isHidden, PostgresConnection } from './connection.ts';
import type { WireValue } from './exchange.ts';
import { describeConnectFailure } from './failure.ts';
import { createInspector } from './inspect.ts';
import { fulfilsIsolation, requestedIsolation } from './isolation.ts';
import { identify, openLockProbe } from './lock-probe.ts';
import { readPostgresOptions, type PostgresOptions, preparedLimit, unusable } from './options.ts';
import { internalsOf } from './pg-types.ts';
import { PreparedStatements } from './prepared.ts';
import { PoolerPatience } from './pooler-patience.ts';
import { SharedPlans } from './shared-plans.ts';
import { warningsOfPooler } from './pooler-warnings.ts';

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
  const { pool, own } = partPoolOptions(readPostgresOptions(given));
  const { preparedStatements, applicationName, ...connection } = own;
  const config = { ...connection, application_name: applicationName ?? 'sluice', keepAlive: true } as pg.ClientConfig;
  const plans = new SharedPlans();
  const warnings = warningsOfPooler();
  const target = targetOf(config);
  const patience = new PoolerPatience(target, pool.acquireTimeout ?? 30_000);
  const connectionOf = (client: pg.Client, backend: Backend): DriverConnection => {
    const hidden = isHidden(backend);
    if (hidden) warnings.hidden();
    if (hidden && preparedStatements === undefined) warnings.notPrepared();
    const prepared = new PreparedStatements(preparedLimit(preparedStatements, hidden), plans, hidden);
    return new PostgresConnection(client, backend, prepared, hidden ? patience : undefined, prepareValue);
  };
  const driver: Driver = {
    dialect: 'postgres',
    target,
    connect: (signal) => connect(config, connectionOf, signal),
    classifyConnect: describeConnectFailure,
    isolation: requestedIsolation,
    fulfils: fulfilsIsolation,
    inspect: createInspector(),
    refusalAfter: (milliseconds) => ({ text: refusal, values: [milliseconds] }),
    libraryPool: (database, clientName, poolOptions) =>
      createAmbientPool(database as Database, clientName, {
        config,
        max: pool.max,
        ...(poolOptions as AmbientPoolOptions),
      }),
    openLockProbe: (signal) => openLockProbe(config, signal),
  };
  return { driver, pool };
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

async function connect(
  config: pg.ClientConfig,
  connectionOf: (client: pg.Client, backend: Backend) => DriverConnection,
  signal: AbortSignal,
): Promise<DriverConnection> {
  signal.throwIfAborted();
  const client = new pg.Client(config);
  // Until the connection listens itself; pg emits errors after connect() has rejected, too.
  client.on('error', () => {});
  const onAbort = (): void => void internalsOf(client).connection.stream.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await client.connect();
    return connectionOf(client, await identify(client));
  } catch (error) {
    onAbort();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
