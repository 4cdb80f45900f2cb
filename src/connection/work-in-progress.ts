/** Work that a closing database waits for, and ends when it takes too long. */
export interface RunningWork {
  abort(reason: unknown): void;
}

/** What has begun and not ended: transactions with their hooks, and single statements. */
export class WorkInProgress {
  readonly #items = new Set<RunningWork>();
  #onIdle: (() => void)[] = [];
  #wasAborted = false;

  /** Whether the database closes and its timeout is over. */
  get wasAborted(): boolean {
    return this.#wasAborted;
  }

  add(item: RunningWork): void {
    this.#items.add(item);
  }

  delete(item: RunningWork): void {
    this.#items.delete(item);
    if (this.#items.size > 0 || this.#onIdle.length === 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  whenIdle(): Promise<void> {
    return this.#items.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  abort(reason: unknown): void {
    this.#wasAborted = true;
    for (const item of this.#items) item.abort(reason);
  }
}
