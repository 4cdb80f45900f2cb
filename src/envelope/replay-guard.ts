/** Remembers names for a while, bounded: who comes for the second time is found out. */
export class ReplayGuard {
  readonly #lifetime: number;
  readonly #limit: number;
  /**
   * Until when each is remembered. Two halves, of which the older one is dropped as a whole: to drop the oldest of a map one by
   * one takes the longer the more there are.
   */
  #newer = new Map<string, number>();
  #older = new Map<string, number>();
  #begunAt = Number.NEGATIVE_INFINITY;

  /** @param lifetime in milliseconds @param limit how many are remembered at least, of those that came last */
  constructor(lifetime: number, limit: number) {
    this.#lifetime = lifetime;
    this.#limit = limit;
  }

  /** False if the name came before. */
  add(name: string, now: number): boolean {
    if (now - this.#begunAt >= this.#lifetime || this.#newer.size >= this.#limit) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#begunAt = now;
    }
    if ((this.#newer.get(name) ?? this.#older.get(name) ?? now) > now) return false;
    this.#newer.set(name, now + this.#lifetime);
    return true;
  }
}
