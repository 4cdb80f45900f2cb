import pg from 'pg';
import { notReached } from './failures.ts';
import type { PgBossOptions } from './options.ts';

/** How long a connection may take to open, in milliseconds. */
const connectTimeout = 10_000;
/** The longest that a statement of a job may take: of one that is not answered its connection is given up. */
const jobTimeout = 15_000;
/** The same for those of pg-boss itself, which builds indexes when it moves to a new version. */
const upkeepTimeout = 600_000;

/** Rows, as pg-boss takes them. */
interface Rows {
  rows: never[];
}

/** A connection that is lost says so twice: to its statement, and to this. */
const ignore = (): void => {};

/** The connections of the engine: at most `max`, of which one is kept for what listens. */
export class BossConnections {
  readonly #pool: pg.Pool;
  readonly #Client: typeof pg.Client;
  readonly #config: pg.ClientConfig;
  /** Those that are being opened, are open or say goodbye. */
  readonly #clients = new Set<pg.Client>();
  #isCut = false;
  /** For the statements of jobs. */
  readonly forJobs: { executeSql(text: string, values?: unknown[]): Promise<Rows> };

  constructor({ connectionString, password, ssl, max = 4 }: PgBossOptions, onError: (error: Error) => void) {
    this.#config = {
      connectionString: ssl === undefined ? connectionString : withoutTls(connectionString),
      application_name: 'sluice pg-boss',
      keepAlive: true,
      connectionTimeoutMillis: connectTimeout,
      ...(ssl === undefined ? {} : { ssl }),
    };
    this.#Client = clientWith(password, this.#clients);
    this.#pool = new pg.Pool({ ...this.#config, max: max - 1, Client: this.#Client });
    this.#pool.on('error', onError);
    this.forJobs = { executeSql: (text, values) => this.#query(text, values, jobTimeout) };
  }

  executeSql(text: string, values?: unknown[]): Promise<Rows> {
    return this.#query(text, values, upkeepTimeout);
  }

  /** A connection that is not open yet, and not of the pool. */
  createClient(): pg.Client {
    return new this.#Client({ ...this.#config, query_timeout: jobTimeout });
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** Ends all connections without a goodbye, and opens no more. What waits for an answer fails. */
  cut(): void {
    this.#isCut = true;
    for (const { connection } of this.#clients) connection.stream.destroy();
  }

  async #query(text: string, values: unknown[] | undefined, timeout: number): Promise<Rows> {
    const query: pg.QueryConfig & { query_timeout: number } = { text, query_timeout: timeout };
    if (values !== undefined) query.values = values;
    const client = await this.#connect();
    client.on('error', ignore);
    try {
      const rows = await client.query<never>(query);
      client.release();
      return rows;
    } catch (error) {
      // A transaction of several statements in one text, as pg-boss has them, may be left open by what failed in it.
      client.release(error as Error);
      throw error;
    } finally {
      client.off('error', ignore);
    }
  }

  /** @throws QueueUnavailableError: nothing was sent */
  async #connect(): Promise<pg.PoolClient> {
    if (this.#isCut) throw notReached(new Error('The engine was closed'));
    try {
      return await this.#pool.connect();
    } catch (cause) {
      throw notReached(cause);
    }
  }
}

/** What a connection string says of TLS, which pg lets count more than an option. */
const tlsParameters = ['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert'];

function withoutTls(connectionString: string): string {
  if (!URL.canParse(connectionString)) return connectionString;
  const url = new URL(connectionString);
  for (const name of tlsParameters) url.searchParams.delete(name);
  return url.href;
}

/**
 * A password given by itself counts more than that of the connection string; pg has it the other way round.
 * @param clients has those whose sockets are not closed
 */
function clientWith(password: PgBossOptions['password'], clients: Set<pg.Client>): typeof pg.Client {
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      clients.add(this);
      this.connection.once('end', () => clients.delete(this));
      if (password === undefined) return;
      Object.defineProperty(this, 'password', { value: password, writable: true, configurable: true });
    }
  };
}
