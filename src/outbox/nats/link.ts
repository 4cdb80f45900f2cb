import {
  JetStreamApiError,
  jetstream,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { sayGoodbye, unreachable } from '../broker/index.ts';
import { isApiError, streamNotFound } from './api-errors.ts';
import type { NatsSettings } from './options.ts';

/** A connection with its stream. */
export interface NatsLink {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Aborts when the connection was lost, although it may be made again: what was on its way may not have come. */
  readonly lost: AbortSignal;
}

interface NatsApi {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
}

const defaultPort = 4222;
/** How long a server may take to answer, in milliseconds. */
export const patience = 5_000;

/** Keeps one connection for all that need it. */
export class NatsLinks {
  readonly #settings: NatsSettings;
  #opening: Promise<NatsConnection> | undefined;
  #lost = new AbortController();
  #isConnected = false;
  #hasStreams = false;
  #isClosed = false;
  /** One for a connection. */
  #api: Promise<NatsApi> | undefined;

  constructor(settings: NatsSettings) {
    this.#settings = settings;
  }

  /** @throws BrokerUnreachableError where there is no connection just now; what the server says of its streams */
  async link(): Promise<NatsLink> {
    const connection = await this.#connection();
    if (!this.#isConnected) throw this.#unreachable(new Error('The connection was lost, and is being made again'));
    this.#api ??= apiOf(connection);
    const { client, manager } = await this.#api;
    try {
      if (!this.#hasStreams) await this.#makeStreams(manager);
    } catch (error) {
      // A server without JetStream answers nothing of it.
      throw error instanceof JetStreamApiError ? error : this.#unreachable(error);
    }
    return { connection, client, manager, lost: this.#lost.signal };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // One that is there later is closed then.
    const closed = this.#opening?.then((connection) => connection.close());
    if (closed !== undefined) await sayGoodbye(closed);
  }

  #connection(): Promise<NatsConnection> {
    if (this.#isClosed) return Promise.reject(new Error('The broker was closed'));
    if (this.#opening !== undefined) return this.#opening;
    const { connection: given } = this.#settings;
    const opening = connect({
      reconnectTimeWait: 500,
      ...given,
      // What has ended for good would leave all consumers of a program without messages.
      maxReconnectAttempts: -1,
    });
    const watched = opening.then(
      (connection) => {
        this.#watch(connection);
        return connection;
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw this.#unreachable(error);
      },
    );
    this.#opening = watched;
    return watched;
  }

  #watch(connection: NatsConnection): void {
    this.#isConnected = true;
    const forget = (): void => {
      this.#isConnected = false;
      this.#opening = undefined;
      this.#api = undefined;
      this.#lost.abort(new Error('The connection to NATS was closed'));
      this.#lost = new AbortController();
    };
    connection.closed().then(forget, forget);
    void this.#follow(connection);
  }

  #unreachable(cause: unknown): Error {
    const { servers = '127.0.0.1', port = defaultPort } = this.#settings.connection;
    const hint = 'a server with JetStream ("nats-server -js") runs there and lets this program in';
    return unreachable('NATS', typeof servers === 'string' ? [servers] : servers, port, { cause, hint });
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === 'reconnect') {
        this.#isConnected = true;
        this.#hasStreams = false;
      }
      if (type !== 'disconnect') continue;
      this.#isConnected = false;
      this.#lost.abort(new Error('The connection to NATS was lost'));
      this.#lost = new AbortController();
    }
  }

  async #makeStreams(manager: JetStreamManager): Promise<void> {
    const { stream } = this.#settings;
    await ensureStream(manager, { name: stream, subjects: [`${stream}.>`] });
    await ensureStream(manager, {
      name: leaseStream(stream),
      subjects: [`${leaseStream(stream)}.>`],
      max_msgs_per_subject: 1,
    });
    this.#hasStreams = true;
  }
}

/** The name of the stream, and the beginning of its subjects, that say which process of a group has its messages. */
export function leaseStream(name: string): string {
  return `${name}_leases`;
}

interface StreamSettings {
  readonly name: string;
  readonly subjects: string[];
  readonly max_msgs_per_subject?: number;
}

async function ensureStream(manager: JetStreamManager, settings: StreamSettings): Promise<void> {
  try {
    await manager.streams.info(settings.name);
  } catch (error) {
    if (!isApiError(error, streamNotFound)) throw error;
    // Another process may make the same one: then this changes nothing.
    await manager.streams.add(settings);
  }
}

async function apiOf(connection: NatsConnection): Promise<NatsApi> {
  const manager = await jetstreamManager(connection, { timeout: patience, checkAPI: false });
  return { client: jetstream(connection, { timeout: patience }), manager };
}
