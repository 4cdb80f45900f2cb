/**
 * The arithmetic of the budget: who may have a connection now.
 *
 * Every level from 0 to `maxLevel` has one connection in reserve, and what no level needs as its
 * reserve is everybody's. A chain asks only above the levels that it holds, so the deepest level at
 * which a chain waits has no holder and its reserve is free: one chain can always go on.
 */
export class Admission {
  readonly budget: number;
  readonly maxLevel: number;
  readonly #used: number[];
  /** Connections in use, those deeper than `maxLevel` included. */
  #total = 0;
  /** How many of the levels use nothing, so that granting need not count them. */
  #unused: number;

  constructor(budget: number, maxLevel: number) {
    this.budget = budget;
    this.maxLevel = maxLevel;
    this.#used = Array.from({ length: maxLevel + 1 }, () => 0);
    this.#unused = maxLevel + 1;
  }

  get total(): number {
    return this.#total;
  }

  usedAt(level: number): number {
    return this.#used[level] ?? 0;
  }

  /** Takes a connection for `level` if the rule allows it now. */
  take(level: number): boolean {
    const used = this.#used[level];
    if (used !== 0 && this.budget - this.#total - this.#unused <= 0) return false;
    if (used !== undefined) {
      this.#used[level] = used + 1;
      if (used === 0) this.#unused -= 1;
    }
    this.#total += 1;
    return true;
  }

  give(level: number): void {
    const used = this.#used[level];
    if (this.#total === 0 || used === 0) throw new RangeError(`level ${level} gave back more than it took`);
    if (used !== undefined) {
      this.#used[level] = used - 1;
      if (used === 1) this.#unused += 1;
    }
    this.#total -= 1;
  }
}
