import type pg from 'pg';
import type { Database } from '../../database/index.ts';
import { ConnectListeners } from './ambient-pool/connect-listeners.ts';
import { type AmbientPoolOptions, createAmbientPool } from './ambient-pool/pool.ts';
import {
  bytesOf,
  type ClientDefinition,
  type Driver,
  nameQuoter,
  partPoolOptions,
  warnOfMissing,
} from '../../driver/index.ts';
import { postgresDialect } from './dialect/index.ts';
import { PostgresConnection } from './exchange/connection.ts';
import { describeConnectFailure } from './connecting/connect-failure.ts';
import { isHidden, type SessionFacts } from './connecting/identify.ts';
import { Fitness } from './exchange/fitness.ts';
import { createInspector } from './sql/inspect.ts';
import { fulfilsIsolation, requestedIsolation } from './sql/control.ts';
import { postgresSettings } from './sql/settings.ts';
import { connectToFirst } from './connecting/connect.ts';
import { openLockProbe } from './lock-probe.ts';
import { readPostgresOptions, type PostgresOptions, preparedLimit } from './connecting/options.ts';
import { PreparedStatements } from './prepared/prepared-statements.ts';
import { PoolerTimeout } from './exchange/pooler-timeout.ts';
import { serversOf } from './connecting/servers.ts';
import { StatementRegistry } from './prepared/statement-registry.ts';
import { prepareValue } from './wire/prepare-value.ts';
import { warningsOfPooler } from './pooler-warnings.ts';
import { CommitProbe } from './commit-probe.ts';
import { signed, calledAs } from '../../core/index.ts';

/** A peer that is gone is noticed this long after it has said nothing, and ten more seconds. In milliseconds. */
const keepAliveInitialDelayMillis = 30_000;

/** A division by zero, since SQL has no way to raise an error without PL/pgSQL, which may be missing. */
const refusal = `select 1 / (clock_timestamp() < transaction_timestamp() + $1 * interval '1 millisecond')::int`;

/**
 * Defines a client on PostgreSQL. It uses `pg.Client` and not `pg.Pool`: the budget by level decides
 * who gets a connection and when, which a pool with one waiting line cannot, and a connection has to
 * count until the server has let go of it.
 *
 * ```ts
 * const client = postgres({
 *   connectionString: 'postgres://shop@db.internal:5432/shop',
 *   password: () => readSecret('db'),
 *   max: 20,
 * });
 * ```
 * @throws InvalidOptionError for unknown or impossible options
 */
export function postgres(given: PostgresOptions = {}): ClientDefinition {
  const { pool, own } = partPoolOptions(readPostgresOptions(given));
  const { preparedStatements, pipelining = true, applicationName, ssl, options, types, settings, ...rest } = own;
  const { resolveCommit = false, shareReads = false, followCommits = false, maxResultBytes, ...place } = rest;
  const common = { ssl, options, types, application_name: applicationName ?? 'sluice' } as pg.ClientConfig;
  const servers = serversOf(place, { ...common, keepAlive: true, keepAliveInitialDelayMillis });
  if (place.host === undefined) warnOfMissing('postgres', { given, read: own }, 'connectionString', servers.target);
  const { acquireTimeout = 30_000 } = pool;
  const registry = new StatementRegistry();
  const warnings = warningsOfPooler();
  const poolerTimeout = new PoolerTimeout(servers.target, acquireTimeout);
  const connects = new ConnectListeners();
  const commits =
    resolveCommit === false ? undefined : new CommitProbe(servers, acquireTimeout, resolveCommit === 'rows');
  const connectionOf = (client: pg.Client, facts: SessionFacts): PostgresConnection => {
    const { backend } = facts;
    const hidden = isHidden(backend);
    if (hidden) warnings.hidden();
    if (hidden && preparedStatements === undefined) warnings.notPrepared();
    const prepared = new PreparedStatements(preparedLimit(preparedStatements, hidden), registry, hidden);
    const fitness = new Fitness(facts, servers.wanted);
    const pooler = hidden ? poolerTimeout : undefined;
    const toWire = prepareValue;
    const commitsApart = maxResultBytes !== undefined;
    const writing = { pipelining, followCommits, commitsApart };
    return new PostgresConnection({ client, backend, prepared, pooler, toWire, fitness, ...writing });
  };
  const driver: Driver = {
    ...postgresDialect,
    target: servers.target,
    address: servers.address,
    async connect(signal) {
      const { client, facts } = await connectToFirst({ ...servers, maxResultBytes }, acquireTimeout, signal);
      const connection = connectionOf(client, facts);
      if (!isHidden(facts.backend)) await commits?.opened(connection, client);
      await connects.opened(connection, signal);
      return connection;
    },
    classifyConnect: describeConnectFailure,
    isolation: requestedIsolation,
    fulfils: fulfilsIsolation,
    inspect: createInspector(),
    // Servers cut names that are longer (NAMEDATALEN), unless they were built otherwise.
    quoteName: nameQuoter('"', 63, bytesOf),
    settings: postgresSettings,
    sharesReads: shareReads,
    commits,
    refusalAfter: (milliseconds) => ({ text: refusal, values: [milliseconds] }),
    libraryPool: (database, clientName, poolOptions) =>
      createAmbientPool(database as Database, clientName, {
        config: servers.configs[0],
        max: pool.max,
        connects,
        ...(poolOptions as AmbientPoolOptions),
      }),
    openLockProbe: (signal) => openLockProbe(servers, acquireTimeout, signal),
  };
  return signed({ driver, pool, ...(settings === undefined ? {} : { settings }) });
}
calledAs(postgres, 'postgres({ connectionString })');
