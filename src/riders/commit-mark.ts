import type { Clock } from '../core/index.ts';
import {
  type CommitResolution,
  CommitTableError,
  type DriverConnection,
  type Statement,
  type TransactionCharacteristics,
} from '../driver/index.ts';
import type { Rider } from './rider.ts';

interface ResolvingClient {
  readonly clock: Clock;
  readonly pool: { readonly settings: { readonly acquireTimeout: number } };
}

/** The transaction that is marked. */
interface Place {
  readonly client: { readonly name: string };
  readonly level: number;
  readonly characteristics: TransactionCharacteristics;
}

/** What is rolled back as one, and what it is a part of. */
interface Unit {
  readonly parent: Unit | undefined;
  readonly savepoint: { readonly established: boolean } | undefined;
}

function isBehindSavepoint(unit: Unit): boolean {
  for (let at: Unit | undefined = unit; at !== undefined; at = at.parent) if (at.savepoint?.established) return true;
  return false;
}

/** By what a server finds a transaction again when the connection is lost during its COMMIT. */
export class CommitMark {
  readonly #resolution: CommitResolution;
  readonly #place: Place;
  #mark: string | undefined;
  /** The name of one that was sent, and perhaps not answered. */
  #sent: string | undefined;
  /** It is a row that was written behind a savepoint. */
  #mayBeUndone = false;

  constructor(resolution: CommitResolution, place: Place) {
    this.#resolution = resolution;
    this.#place = place;
  }

  /**
   * What rides with the first statements that may write, which are of `unit`.
   * @param isLast the COMMIT travels with them
   */
  rider(
    connection: DriverConnection | undefined,
    statements: readonly Statement[],
    unit: Unit,
    isLast: boolean,
  ): Rider | undefined {
    if (this.#mark !== undefined || connection === undefined || this.#place.characteristics.readOnly) return undefined;
    if (!statements.some(({ text }) => this.#resolution.marks(connection, text, isLast))) return undefined;
    const mark = this.#resolution.mark(connection, isLast);
    if (mark === undefined) return undefined;
    this.#sent = mark.name;
    const { client, level } = this.#place;
    const mayBeUndone = mark.isRow && isBehindSavepoint(unit);
    return {
      // Ahead of savepoints that are set with the statements.
      seat: mark.isRow ? 'afterBegin' : 'afterStatements',
      statement: mark.statement,
      answered: (result) => {
        this.#mark = mark.nameIn(result);
        this.#mayBeUndone = mayBeUndone;
      },
      refused: (cause) => mark.refused?.(cause, { clientName: client.name, level }),
    };
  }

  /** The transaction was rolled back to a savepoint: what comes next may have to mark it anew. */
  undone(): void {
    if (this.#mayBeUndone) this.#mark = undefined;
  }

  /**
   * Asks the server how the transaction has ended on a connection that was lost, for no longer than one may wait for a connection.
   * @returns nothing where that cannot be known
   * @throws CommitTableError where it may not be asked
   */
  async resolve(
    connection: DriverConnection | undefined,
    { clock, pool }: ResolvingClient,
    signal: AbortSignal | undefined,
  ): Promise<'committed' | 'rolledBack' | undefined> {
    const mark = this.#mark ?? this.#sent;
    if (mark === undefined || connection === undefined) return undefined;
    const late = new AbortController();
    const cancelTimer = clock.setTimer(() => late.abort(), pool.settings.acquireTimeout);
    const either = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
    try {
      return await this.#resolution.resolve(mark, connection, either);
    } catch (error) {
      if (error instanceof CommitTableError) throw error;
      // What cannot be asked stays unknown.
      return undefined;
    } finally {
      cancelTimer();
    }
  }
}
