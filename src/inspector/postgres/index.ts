import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { type CancelTimer, type Check, endsWithin, label, readOptions, systemClock } from '../../core/index.ts';
import type { FleetBus } from '../index.ts';

/** Options of `postgresFleet()`. */
export interface PostgresFleetOptions {
  /** The database over which the processes ask each other; behind no pooler that shares connections, which pass no LISTEN on. */
  readonly connectionString: string;
  /** TLS, and its options. Default: what the connection string says. */
  readonly ssl?: boolean | ConnectionOptions | undefined;
  /** The name of the channel, which is the same in all processes of the fleet. Default `sluice_inspector`. */
  readonly channel?: string | undefined;
}

const checks: Record<keyof PostgresFleetOptions, Check> = {
  connectionString: (value) =>
    typeof value === 'string' && /^(?:postgres|postgresql|socket):/.test(value)
      ? undefined
      : 'a connection string such as postgres://user:password@host:5432/database',
  ssl: (value) =>
    typeof value === 'boolean' || (typeof value === 'object' && value !== null)
      ? undefined
      : 'true, false or TLS options',
  channel: label(63),
};

/** The longest message, in bytes: a NOTIFY takes less than 8,000. */
const longestMessage = 7_900;
/** Messages that wait to be sent; a server that goes silent must not pile them up. */
const mostWaiting = 32;
const connectTimeout = 10_000;
const sendTimeout = 10_000;
/** How long a server that has gone silent may keep the end waiting, in milliseconds. */
const endTimeout = 1_000;
const firstPause = 200;
const longestPause = 10_000;

type Heard = (text: string) => void;

/** LISTEN and NOTIFY, on one connection that sends nothing by itself. */
class PostgresBus implements FleetBus {
  readonly longestMessage: number = longestMessage;
  readonly #options: PostgresFleetOptions;
  #hear: Heard = () => {};
  #onError: (error: unknown) => void = () => {};
  #client: pg.Client | undefined;
  #connected: pg.Client | undefined;
  #pause = firstPause;
  #sending: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #cancelTimer: CancelTimer | undefined;
  #isClosed = false;

  constructor(options: PostgresFleetOptions) {
    this.#options = options;
  }

  open(onMessage: Heard, onError: (error: unknown) => void): void {
    this.#hear = onMessage;
    this.#onError = onError;
    void this.#connect();
  }

  /** One after the other: a client of pg takes no statement while it has one. */
  async publish(text: string): Promise<void> {
    const client = this.#connected;
    if (client === undefined) throw new Error('no connection');
    if (this.#waiting >= mostWaiting) throw new Error('the connection is busy');
    this.#waiting += 1;
    const sending = this.#sending.then(() =>
      client.query({ text: 'select pg_notify($1, $2)', values: [this.#channel, text] }),
    );
    this.#sending = sending.catch(() => {}).finally(() => (this.#waiting -= 1));
    await sending;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    const client = this.#client;
    if (client === undefined) return;
    const stream = client.connection.stream as Socket;
    if (this.#connected !== undefined) {
      // Who awaits the end may have nothing else that keeps the process.
      stream.ref();
      await endsWithin(systemClock, client.end(), endTimeout).catch(() => {});
    }
    stream.destroy();
  }

  get #channel(): string {
    return this.#options.channel ?? 'sluice_inspector';
  }

  async #connect(): Promise<void> {
    const { connectionString, ssl } = this.#options;
    const config: pg.ClientConfig & { query_timeout: number } = {
      connectionString: ssl === undefined ? connectionString : withoutTls(connectionString),
      application_name: 'sluice inspector',
      keepAlive: true,
      connectionTimeoutMillis: connectTimeout,
      query_timeout: sendTimeout,
      ...(ssl === undefined ? {} : { ssl }),
    };
    try {
      const client = new pg.Client(config);
      this.#client = client;
      client.on('notification', ({ payload = '' }) => this.#hear(payload));
      client.on('error', (error) => this.#lose(client, error));
      client.on('end', () => this.#lose(client, undefined));
      await client.connect();
      // It is there for those who look; the process may end without it.
      (client.connection.stream as Socket).unref();
      await client.query(`listen ${pg.escapeIdentifier(this.#channel)}`);
      if (this.#isClosed) return await client.end();
      this.#connected = client;
      this.#pause = firstPause;
    } catch (error) {
      this.#lose(this.#client, error);
    }
  }

  #lose(client: pg.Client | undefined, error: unknown): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    this.#connected = undefined;
    client?.end().catch(() => {});
    if (this.#isClosed) return;
    if (error !== undefined) this.#onError(error);
    this.#cancelTimer = systemClock.setTimer(() => void this.#connect(), this.#pause, true);
    this.#pause = Math.min(this.#pause * 2, longestPause);
  }
}

/**
 * Lets the processes of a fleet ask each other over LISTEN and NOTIFY of PostgreSQL. Each process has one connection of its own for
 * it, in addition to the budget of its clients.
 *
 * ```ts
 * const fleet = postgresFleet({ connectionString: 'postgres://shop@127.0.0.1:5432/shop' });
 * ```
 * @throws InvalidOptionError
 */
export function postgresFleet(options: PostgresFleetOptions): FleetBus {
  return new PostgresBus(readOptions('postgresFleet', options, checks, ['connectionString']));
}

/** What a connection string says of TLS counts more for pg than an option. */
function withoutTls(connectionString: string): string {
  if (!URL.canParse(connectionString)) return connectionString;
  const url = new URL(connectionString);
  for (const name of ['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert']) url.searchParams.delete(name);
  return url.href;
}
