import { systemClock } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import type { OutboxDialect, OutboxRow } from '../driver/index.ts';
import type { RelayUnavailableError } from './errors.ts';
import { type HandOver, idsOf, isUnavailable } from './hand-over.ts';

/** How long a transaction goes on with another batch, in milliseconds. */
const longestRound = 500;
/** While a batch takes longer, the next one is left to other relays, in milliseconds. */
const longestBatch = 250;

/** What a round needs. */
export interface RoundPlace {
  readonly db: Db;
  readonly sql: OutboxDialect;
  readonly handOver: HandOver;
  readonly channel: string;
  readonly batchSize: number;
  /** The most batches of a transaction. */
  readonly batches: number;
}

/** What a round came to. */
export interface RoundResult {
  readonly claimed: number;
  readonly delivered: number;
  /** Whether more may be due. */
  readonly isFull: boolean;
  /** Why it ended early, where the other side went away: what was handed over before is committed all the same. */
  readonly away: RelayUnavailableError | undefined;
}

/** Rounds of a relay: batches that are claimed, handed over and deleted, each in a transaction of the caller. */
export class RelayRounds {
  readonly #place: RoundPlace;
  /** How long the last batch took. */
  #lastTook = Infinity;

  constructor(place: RoundPlace) {
    this.#place = place;
  }

  /**
   * While a batch is handed over, the one before it is deleted and the next one is claimed. A batch is handed over when all before
   * it were, so that the messages of a key keep their order; where one was not, the next batch is left to the next round.
   */
  async run(): Promise<RoundResult> {
    const { handOver, batchSize, batches, sql } = this.#place;
    const startedAt = systemClock.now();
    const may = (count: number): boolean =>
      count < batches && sql.giveBack === undefined && this.#lastTook < longestBatch;
    let [claimed, delivered] = [0, 0];
    let rows = await this.#claim([]);
    let removing: Promise<void> = Promise.resolve();
    for (let count = 1; rows.length > 0; count += 1) {
      claimed += rows.length;
      const isFull = rows.length === batchSize;
      const next = isFull && may(count) ? watched(this.#claim(rows)) : undefined;
      const { done, away } = await this.#handOver(rows);
      delivered += done.length;
      const goesOn = next !== undefined && done.length === rows.length && systemClock.now() - startedAt < longestRound;
      await removing;
      if (!goesOn) {
        await next;
        if (away !== undefined && delivered === 0) throw away;
        await handOver.remove(done, { last: true });
        return { claimed, delivered, isFull, away };
      }
      removing = watched(handOver.remove(done));
      rows = await next;
    }
    await removing;
    return { claimed, delivered, isFull: claimed > 0, away: undefined };
  }

  async #handOver(
    rows: readonly OutboxRow[],
  ): Promise<Pick<RoundResult, 'away'> & { readonly done: readonly OutboxRow[] }> {
    const startedAt = systemClock.now();
    try {
      return { done: await this.#place.handOver.run(rows), away: undefined };
    } catch (error) {
      if (isUnavailable(error)) return { done: [], away: error };
      throw error;
    } finally {
      this.#lastTook = systemClock.now() - startedAt;
    }
  }

  async #claim(taken: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    const { db, sql, channel, batchSize } = this.#place;
    const ids = idsOf(taken);
    const rows = await sql.claim(db, channel, batchSize, ids);
    if (ids.length === 0) return rows;
    // A dialect may not know yet that it is to leave them out.
    const known = new Set(ids);
    return rows.filter(({ id }) => !known.has(id));
  }
}

/** Its failure is that of the transaction, told where it is awaited. */
function watched<Result>(work: Promise<Result>): Promise<Result> {
  work.catch(() => {});
  return work;
}
