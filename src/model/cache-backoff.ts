import { cacheBackoff } from '../channels/index.ts';

/** So many queries are looked at before it is judged. */
const sample = 500;
/** Below this the look into the cache costs more than its answers save. */
const worthwhile = 0.1;
/** So many go to the database before it is tried again. */
const rest = 10_000;

/** Whether it pays to cache the queries of a table: an answer has to be asked for again before its rows change. */
export class CacheBackoff {
  readonly #table: string;
  #queries = 0;
  #hits = 0;
  #resting = 0;

  constructor(table: string) {
    this.#table = table;
  }

  /** Whether the next query is to be looked for. */
  get pays(): boolean {
    if (this.#resting === 0) return true;
    this.#resting -= 1;
    return false;
  }

  get isResting(): boolean {
    return this.#resting > 0;
  }

  count(isHit: boolean): void {
    this.#queries += 1;
    if (isHit) this.#hits += 1;
    if (this.#queries < sample) return;
    const hitRate = this.#hits / this.#queries;
    [this.#queries, this.#hits] = [0, 0];
    if (hitRate >= worthwhile) return;
    this.#resting = rest;
    if (cacheBackoff.hasSubscribers) cacheBackoff.publish({ table: this.#table, hitRate, queries: rest });
  }
}
