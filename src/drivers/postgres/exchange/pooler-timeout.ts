import { PoolerTimeoutError } from '../../../driver/index.ts';
import type { WireConnection } from '../wire/pg-types.ts';

/**
 * Bounds the wait for a connection of the server that a pooler lends with the first message of a transaction. What
 * waits there cannot be told from a slow statement, so the server is asked for a sign of life in front of it.
 */
export class PoolerTimeout {
  readonly #target: string;
  readonly #limit: number;

  /**
   * @param target the server, in words
   * @param limit milliseconds
   */
  constructor(target: string, limit: number) {
    this.#target = target;
    this.#limit = limit;
  }

  /** Asks for an answer that the server gives before it begins with what comes next. */
  askForSign(to: WireConnection): void {
    // A portal that is not there is closed without an error, and a pooler has to ask the server for it.
    to.close({ type: 'P', name: '' });
    to.flush();
  }

  /** Calls back with an error unless the server says something in time. */
  await({ stream }: WireConnection, onEnd: (error: PoolerTimeoutError) => void): void {
    const stop = (): void => {
      clearTimeout(timer);
      stream.off('data', stop);
      stream.off('close', stop);
    };
    const timer = setTimeout(() => {
      stop();
      onEnd(this.#error());
    }, this.#limit);
    stream.once('data', stop);
    stream.once('close', stop);
  }

  #error(): PoolerTimeoutError {
    return new PoolerTimeoutError({
      what: `The pooler in front of ${this.#target} gave no connection of the server within acquireTimeout (${this.#limit} ms)`,
      remedy:
        'Give the pooler at least as many server connections (default_pool_size of PgBouncer) as the budgets of all processes together. With fewer, a chain can wait for a connection that it holds itself',
    });
  }
}
