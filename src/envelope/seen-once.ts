/** Remembers names for a while, bounded: who comes for the second time is found out. */
export class SeenOnce {
  readonly #lifetime: number;
  readonly #limit: number;
  /** Until when each is remembered, oldest first. */
  readonly #until = new Map<string, number>();

  /** @param lifetime in milliseconds */
  constructor(lifetime: number, limit: number) {
    this.#lifetime = lifetime;
    this.#limit = limit;
  }

  /** False if the name came before. */
  add(name: string, now: number): boolean {
    for (const [old, until] of this.#until) {
      if (until > now && this.#until.size < this.#limit) break;
      this.#until.delete(old);
    }
    if (this.#until.has(name)) return false;
    this.#until.set(name, now + this.#lifetime);
    return true;
  }
}
