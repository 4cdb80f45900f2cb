import type { DataSourceOptions } from 'typeorm';
import { integer, InvalidOptionError, readOptions } from '../../core/index.ts';

/** The options of TypeORM's own DataSource on an engine. */
export type OptionsOf<Type extends 'postgres' | 'mysql' | 'mariadb'> = Extract<DataSourceOptions, { type: Type }>;

/**
 * What becomes of an option: TypeORM has it, as ever; or the client of Sluice, so that only a data source with a database of
 * its own takes it; or it is refused, because nothing would come of it.
 */
type Fate = 'TypeORM' | 'client' | Refusal;

interface Refusal {
  readonly remedy: string;
  /** The value that asks for what is there anyway. */
  readonly unless?: unknown;
}

/** Those that never are taken. */
export type RefusedOption = 'driver' | 'replication' | 'nativeDriver' | 'connectTimeout' | 'trace' | 'flags';

/** Those that only a data source with a database of its own takes. */
export type ClientOption =
  | 'url'
  | 'host'
  | 'port'
  | 'username'
  | 'password'
  | 'database'
  | 'ssl'
  | 'poolSize'
  | 'extra'
  | 'applicationName'
  | 'connectTimeoutMS'
  | 'charset'
  | 'timezone'
  | 'socketPath'
  | 'acquireTimeout';

/** What the types say of an option is what becomes of it. */
type FatesOf<Options> = {
  readonly [Name in keyof Options]-?: Name extends RefusedOption
    ? Refusal
    : Name extends ClientOption
      ? 'client'
      : 'TypeORM' | Required<Refusal>;
};

const ofEveryEngine = {
  type: 'TypeORM',
  entities: 'TypeORM',
  subscribers: 'TypeORM',
  isolationLevel: 'TypeORM',
  migrations: 'TypeORM',
  migrationsTableName: 'TypeORM',
  migrationsTransactionMode: 'TypeORM',
  metadataTableName: 'TypeORM',
  namingStrategy: 'TypeORM',
  logging: 'TypeORM',
  logger: 'TypeORM',
  maxQueryExecutionTime: 'TypeORM',
  synchronize: 'TypeORM',
  migrationsRun: 'TypeORM',
  dropSchema: 'TypeORM',
  entityPrefix: 'TypeORM',
  entitySkipConstructor: 'TypeORM',
  relationLoadStrategy: 'TypeORM',
  typename: 'TypeORM',
  cache: 'TypeORM',
  isolateWhereStatements: 'TypeORM',
  invalidWhereValuesBehavior: 'TypeORM',
  url: 'client',
  host: 'client',
  port: 'client',
  username: 'client',
  password: 'client',
  database: 'client',
  ssl: 'client',
  poolSize: 'client',
  extra: 'client',
  driver: { remedy: 'Leave it out: the connections are those of Sluice' },
  replication: { remedy: 'Make a client for the replica, and a data source on it' },
} as const satisfies Record<string, Fate>;

const perQuery = 'Leave it out, and set typeCast or dateStrings in the query that needs it';

const fates: {
  readonly postgres: FatesOf<OptionsOf<'postgres'>>;
  readonly mysql: FatesOf<OptionsOf<'mysql' | 'mariadb'>>;
} = {
  postgres: {
    ...ofEveryEngine,
    schema: 'TypeORM',
    useUTC: 'TypeORM',
    uuidExtension: 'TypeORM',
    installExtensions: 'TypeORM',
    extensions: 'TypeORM',
    parseInt8: 'TypeORM',
    applicationName: 'client',
    connectTimeoutMS: 'client',
    nativeDriver: { remedy: 'Leave it out: the connections are those of Sluice' },
    logNotifications: {
      remedy: 'Listen on a client of ambientPool() for "notice" and "notification"',
      unless: false,
    },
    poolErrorHandler: 'TypeORM',
  },
  mysql: {
    ...ofEveryEngine,
    legacySpatialSupport: 'TypeORM',
    charset: 'client',
    timezone: 'client',
    socketPath: 'client',
    acquireTimeout: 'client',
    connectTimeout: { remedy: 'Give acquireTimeout, which bounds the opening of a connection too' },
    insecureAuth: { remedy: 'Let the user log in by another method', unless: false },
    supportBigNumbers: { remedy: perQuery, unless: true },
    bigNumberStrings: 'TypeORM',
    dateStrings: { remedy: perQuery, unless: false },
    debug: { remedy: 'Give logging, which logs the statements', unless: false },
    trace: { remedy: 'Leave it out: errors carry the stack of their statement' },
    multipleStatements: { remedy: 'Send one statement after the other', unless: false },
    flags: { remedy: 'Leave it out: Sluice says what the connection is capable of' },
    enableQueryTimeout: { remedy: 'Give withTransaction() a timeout', unless: false },
  },
};

/** Those of Sluice where they are of no use, and one of TypeORM 0.3. */
const others: Readonly<Record<string, Fate>> = {
  pool: 'client',
  clientName: { remedy: 'Give the database in front of the options' },
  connectorPackage: { remedy: 'Install mysql2: the connections are those of Sluice', unless: 'mysql2' },
};

/**
 * Refuses options that would have no effect, by name. What is in no list is for TypeORM to judge.
 * @param owner the function that was called
 * @param isShared the data source has the client of a database that there is
 * @throws InvalidOptionError
 */
export function refuseOptions(
  owner: string,
  engine: 'postgres' | 'mysql',
  options: Readonly<Record<string, unknown>>,
  isShared: boolean,
): void {
  const table: Readonly<Record<string, Fate>> = { ...others, ...fates[engine] };
  for (const [name, value] of Object.entries(options)) {
    const fate = value === undefined || !Object.hasOwn(table, name) ? 'TypeORM' : table[name];
    if (typeof fate === 'object' && !(Object.hasOwn(fate, 'unless') && fate.unless === value)) {
      throw refused(owner, name, 'which would have no effect', fate.remedy);
    }
    if (fate === 'client' && isShared) {
      throw refused(
        owner,
        name,
        'which is for the connection, and that is of the database that it was given',
        `Give it to ${engine}(), which makes the client of the database`,
      );
    }
  }
}

/** The names in `extra`, which TypeORM hands to the pool of the engine's package, and what they are to a client of Sluice. */
const extras: Readonly<Record<'postgres' | 'mysql', Readonly<Record<string, string>>>> = {
  postgres: {
    max: 'max',
    connectionString: 'connectionString',
    host: 'host',
    port: 'port',
    user: 'user',
    password: 'password',
    database: 'database',
    ssl: 'ssl',
    options: 'options',
    application_name: 'applicationName',
    connectionTimeoutMillis: 'acquireTimeout',
    idleTimeoutMillis: 'idleTimeout',
  },
  mysql: {
    connectionLimit: 'max',
    uri: 'uri',
    host: 'host',
    port: 'port',
    user: 'user',
    password: 'password',
    database: 'database',
    ssl: 'ssl',
    charset: 'charset',
    timezone: 'timezone',
    socketPath: 'socketPath',
    acquireTimeout: 'acquireTimeout',
    idleTimeout: 'idleTimeout',
    maxPreparedStatements: 'preparedStatements',
  },
};

/** What `extra` asks of the client. @throws InvalidOptionError for what a client has not, by name */
export function clientOptionsIn(owner: string, engine: 'postgres' | 'mysql', extra: unknown): Record<string, unknown> {
  if (extra === undefined) return {};
  if (typeof extra !== 'object' || extra === null) {
    throw new InvalidOptionError({ what: `${owner} got no object for "extra"`, remedy: 'Give an object' });
  }
  const known = extras[engine];
  const given = Object.entries(extra).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]): [string, unknown] => {
      const ours = Object.hasOwn(known, name) ? known[name] : undefined;
      if (ours !== undefined) return [ours, value];
      const remedy = `Of "extra" these are taken: ${Object.keys(known).join(', ')}; make the database yourself for the rest, and give it to createDataSource`;
      throw refused(owner, `extra.${name.slice(0, 40)}`, 'which would have no effect', remedy);
    }),
  );
}

/** @throws InvalidOptionError */
export function readPool(
  owner: string,
  pool: { readonly min?: number; readonly max?: number } = {},
): { readonly max?: number } {
  const { max } = readOptions(`${owner} (pool)`, pool, { min: integer(0, 100_000), max: integer(1, 100_000) });
  return max === undefined ? {} : { max };
}

function refused(owner: string, name: string, why: string, remedy: string): InvalidOptionError {
  return new InvalidOptionError({ what: `${owner} got the option "${name}", ${why}`, remedy });
}
