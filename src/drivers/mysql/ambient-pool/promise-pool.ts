import type { EventEmitter } from 'node:events';
import type { Escaping } from './escaping.ts';
import type { Answer } from './execute.ts';
import type { Ask, PromiseConnection } from './promise-connection.ts';

/** What is used of the pool underneath. */
interface CallbackPool extends EventEmitter, Escaping {
  end(): void;
}

/** A pool for callers who await; what listens to it listens to the pool underneath. */
export class PromisePool {
  readonly pool: CallbackPool;
  readonly #ask: Ask;
  readonly #connect: () => Promise<PromiseConnection>;

  constructor(pool: CallbackPool, ask: Ask, connect: () => Promise<PromiseConnection>) {
    this.pool = pool;
    this.#ask = ask;
    this.#connect = connect;
  }

  query(...args: readonly unknown[]): Promise<Answer> {
    return this.#ask('query', args);
  }

  execute(...args: readonly unknown[]): Promise<Answer> {
    return this.#ask('execute', args);
  }

  getConnection(): Promise<PromiseConnection> {
    return this.#connect();
  }

  releaseConnection(connection: PromiseConnection): void {
    connection.release();
  }

  async end(): Promise<void> {
    this.pool.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  format(...args: Parameters<Escaping['format']>): string {
    return this.pool.format(...args);
  }

  escape(value: unknown): string {
    return this.pool.escape(value);
  }

  escapeId(value: string | string[]): string {
    return this.pool.escapeId(value);
  }

  on(event: string, listener: (...args: unknown[]) => void): this {
    this.pool.on(event, listener);
    return this;
  }

  once(event: string, listener: (...args: unknown[]) => void): this {
    this.pool.once(event, listener);
    return this;
  }

  off(event: string, listener: (...args: unknown[]) => void): this {
    this.pool.off(event, listener);
    return this;
  }

  addListener(event: string, listener: (...args: unknown[]) => void): this {
    return this.on(event, listener);
  }

  removeListener(event: string, listener: (...args: unknown[]) => void): this {
    return this.off(event, listener);
  }
}
