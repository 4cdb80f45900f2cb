import { EventEmitter } from 'node:events';
import { Readable, type ReadableOptions } from 'node:stream';
import type { Answer } from './execute.ts';

/**
 * What mysql2 returns from a query without a callback: it emits `fields`, `result`, `error` and `end`, and can be read
 * as a stream. All rows are there before the first is given: a connection that is read row by row would be
 * of no use to a statement in the loop over them, which shares it in a transaction.
 */
export class AmbientQuery extends EventEmitter {
  readonly #answer: Promise<Answer>;
  #isStream = false;

  constructor(answer: Promise<Answer>) {
    super();
    this.#answer = answer;
    answer.then(
      ([rows, fields]) => this.#emitAll(rows, fields),
      (error: unknown) => {
        // Without a listener nothing is emitted, as with mysql2's own.
        if (!this.#isStream && this.listenerCount('error') > 0) this.emit('error', error);
        this.emit('end');
      },
    );
  }

  /** The rows, as an object stream. */
  stream(options: ReadableOptions = {}): Readable {
    this.#isStream = true;
    return Readable.from(rowsOf(this.#answer), { ...options, objectMode: true });
  }

  #emitAll(rows: unknown, fields: unknown): void {
    if (!this.#isStream) {
      this.emit('fields', fields);
      for (const row of Array.isArray(rows) ? rows : [rows]) this.emit('result', row, 0);
    }
    this.emit('end');
  }
}

async function* rowsOf(answer: Promise<Answer>): AsyncGenerator {
  const [rows] = await answer;
  yield* Array.isArray(rows) ? rows : [rows];
}
