import { type Channel, Connection } from 'rabbitmq-client';
import { fieldOf } from '../../core/index.ts';
import { unreachable } from '../broker/index.ts';
import type { RabbitmqSettings } from './options.ts';

const defaultPort = 5672;

/** The connection of a program, which is made again for ever. */
export class RabbitmqLink {
  /** The topic exchange. */
  readonly exchange: string;
  readonly #settings: RabbitmqSettings;
  readonly #connection: Connection;
  /** Why there is no connection. */
  #lastError: unknown;

  constructor(settings: RabbitmqSettings) {
    const { connection: given, exchange } = settings;
    this.exchange = exchange;
    this.#settings = settings;
    this.#connection = new Connection({ acquireTimeout: 5_000, retryLow: 200, retryHigh: 5_000, ...given });
    // Who needs the connection is told where it asks.
    this.#connection.on('error', (error) => (this.#lastError = error));
    this.#connection.on('connection', () => (this.#lastError = undefined));
  }

  /** A channel of its own. @throws BrokerUnreachableError where there is no connection in time */
  async acquire(options: { readonly emitErrorsFromChannel?: boolean } = {}): Promise<Channel> {
    try {
      return await this.#connection.acquire(options);
    } catch (error) {
      // What the client throws says no more than that there was no connection; the other error says why.
      const cause = fieldOf(error, 'code') === 'TIMEOUT' ? (this.#lastError ?? error) : error;
      const hint = 'a RabbitMQ server runs there, and that user, password and virtual host are right';
      const { url = '' } = this.#settings.connection;
      throw unreachable('RabbitMQ', this.#servers(), url.startsWith('amqps:') ? 5671 : defaultPort, { cause, hint });
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Without a goodbye. What waits for an answer fails. */
  cut(): void {
    this.#connection.unsafeDestroy();
  }

  #servers(): readonly string[] {
    const { url, hosts, hostname = 'localhost', port = defaultPort } = this.#settings.connection;
    if (url !== undefined) return [url];
    return hosts === undefined || hosts.length === 0 ? [`${hostname}:${port}`] : hosts;
  }
}
