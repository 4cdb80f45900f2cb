import type { Clock } from '../core/index.ts';
import type { CommitResolution, DriverConnection, Statement } from '../driver/index.ts';
import type { Rider } from './rider.ts';

interface ResolvingClient {
  readonly clock: Clock;
  readonly pool: { readonly settings: { readonly acquireTimeout: number } };
}

/** By what a server finds a transaction again when the connection is lost during its COMMIT. */
export class CommitMark {
  readonly #resolution: CommitResolution;
  #mark: string | undefined;

  constructor(resolution: CommitResolution) {
    this.#resolution = resolution;
  }

  /** What rides behind the first statements that may write. */
  rider(connection: DriverConnection | undefined, statements: readonly Statement[]): Rider | undefined {
    if (this.#mark !== undefined || connection === undefined) return undefined;
    if (!statements.some(({ text }) => this.#resolution.marks(connection, text))) return undefined;
    const { mark } = this.#resolution;
    return { seat: 'afterStatements', statement: mark, answered: (result) => this.#note(result) };
  }

  #note(result: Parameters<CommitResolution['markIn']>[0]): void {
    this.#mark = this.#resolution.markIn(result);
  }

  /**
   * Asks the server how the transaction has ended on a connection that was lost, for no longer than one may wait for a connection.
   * @returns nothing where that cannot be known
   */
  async resolve(
    connection: DriverConnection | undefined,
    { clock, pool }: ResolvingClient,
    signal: AbortSignal | undefined,
  ): Promise<'committed' | 'rolledBack' | undefined> {
    if (this.#mark === undefined || connection === undefined) return undefined;
    const late = new AbortController();
    const cancelTimer = clock.setTimer(() => late.abort(), pool.settings.acquireTimeout);
    const either = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
    try {
      return await this.#resolution.resolve(this.#mark, connection, either);
    } catch {
      // What cannot be asked stays unknown.
      return undefined;
    } finally {
      cancelTimer();
    }
  }
}
