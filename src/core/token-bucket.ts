/** Grants a thousand in a row, and in the long run one a millisecond. The time is looked at only when it is empty. */
export class TokenBucket {
  readonly #now: () => number;
  #left = 0;
  #filledAt = Number.NEGATIVE_INFINITY;

  /** @param now a monotonic time in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  take(): boolean {
    if (this.#left < 1) {
      const now = this.#now();
      if (now - this.#filledAt < 1) return false;
      this.#left = Math.min(1_000, now - this.#filledAt);
      this.#filledAt = now;
    }
    this.#left -= 1;
    return true;
  }
}
