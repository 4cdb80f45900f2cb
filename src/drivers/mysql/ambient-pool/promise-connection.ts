import type { ConnectionOptions } from 'mysql2';
import type { Escaping } from './escaping.ts';
import type { Answer } from './execute.ts';

export type Ask = (method: 'query' | 'execute', args: readonly unknown[]) => Promise<Answer>;

/** What is used of the connection underneath. */
interface CallbackConnection extends Escaping {
  readonly threadId: number | null;
  readonly config: ConnectionOptions;
  release(): void;
  destroy(): void;
}

/**
 * A connection for callers who await. Its class says what it is: Drizzle takes a plain object for options, and connects
 * by itself.
 */
export class PromiseConnection {
  readonly connection: CallbackConnection;
  readonly #ask: Ask;

  constructor(connection: CallbackConnection, ask: Ask) {
    this.connection = connection;
    this.#ask = ask;
  }

  get threadId(): number | null {
    return this.connection.threadId;
  }

  get config(): ConnectionOptions {
    return this.connection.config;
  }

  format(...args: Parameters<Escaping['format']>): string {
    return this.connection.format(...args);
  }

  escape(value: unknown): string {
    return this.connection.escape(value);
  }

  escapeId(value: string | string[]): string {
    return this.connection.escapeId(value);
  }

  async query(...args: readonly unknown[]): Promise<Answer> {
    return await this.#ask('query', args);
  }

  async execute(...args: readonly unknown[]): Promise<Answer> {
    return await this.#ask('execute', args);
  }

  beginTransaction(): Promise<void> {
    return this.#command('START TRANSACTION');
  }

  commit(): Promise<void> {
    return this.#command('COMMIT');
  }

  rollback(): Promise<void> {
    return this.#command('ROLLBACK');
  }

  ping(): Promise<void> {
    return this.#command('DO 0');
  }

  release(): void {
    this.connection.release();
  }

  destroy(): void {
    this.connection.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }

  async end(): Promise<void> {
    this.release();
  }

  async #command(text: string): Promise<void> {
    await this.#ask('query', [text]);
  }
}
