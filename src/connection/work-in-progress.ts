import type { TransactionRecord } from '../context/index.ts';
import { LinkedList, type ListNode } from '../core/index.ts';
import type { HolderInfo } from '../observation/index.ts';

/** Work that a closing database waits for, and ends when it takes too long. */
export interface RunningWork {
  /** Its place among what is in progress, which `WorkInProgress` alone sets. */
  place?: ListNode<RunningWork>;
  /** What is kept of a transaction for those who look on. */
  readonly record?: TransactionRecord;
  abort(reason: unknown): void;
  /** What it holds and waits for; none for what holds no connection and waits for none. */
  look?(): HolderInfo;
}

/** What has begun and not ended: transactions with their hooks, and single statements. */
export class WorkInProgress {
  readonly #items = new LinkedList<RunningWork>();
  #onIdle: (() => void)[] = [];
  #wasAborted = false;

  /** Whether the database closes and its timeout is over. */
  get wasAborted(): boolean {
    return this.#wasAborted;
  }

  add(item: RunningWork): void {
    item.place = this.#items.push(item);
  }

  delete(item: RunningWork): void {
    if (item.place !== undefined) this.#items.remove(item.place);
    if (this.#items.size > 0 || this.#onIdle.length === 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  *[Symbol.iterator](): Generator<RunningWork, void, undefined> {
    yield* this.#items;
  }

  get isIdle(): boolean {
    return this.#items.size === 0;
  }

  whenIdle(): Promise<void> {
    return this.#items.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  abort(reason: unknown): void {
    this.#wasAborted = true;
    // What is aborted may leave at once.
    const items = Array.from(this.#items);
    for (const item of items) item.abort(reason);
  }
}
