/** Runs work at once, but that of one key one after the other. */
export class KeyLanes {
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #running = new Set<Promise<void>>();

  /** @param work never rejects */
  run(key: string | undefined, work: () => Promise<void>): void {
    const before = key === undefined ? undefined : this.#lanes.get(key);
    const running: Promise<void> = (before === undefined ? work() : before.then(work)).finally(() => {
      this.#running.delete(running);
      if (key !== undefined && this.#lanes.get(key) === running) this.#lanes.delete(key);
    });
    this.#running.add(running);
    if (key !== undefined) this.#lanes.set(key, running);
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
