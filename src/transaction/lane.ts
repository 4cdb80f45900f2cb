import { LinkedList } from '../core/index.ts';

interface Turn {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets one through at a time, in the order of arrival. An entry is a statement or the whole life of
 * a nested scope: so a savepoint's rollback never takes the work of a sibling with it.
 */
export class Lane {
  #busy = false;
  #line: LinkedList<Turn> | undefined;

  /** Returns nothing when the lane is free, otherwise a promise of one's turn. Who has entered must leave. */
  enter(): Promise<void> | undefined {
    if (!this.#busy) {
      this.#busy = true;
      return undefined;
    }
    const line = (this.#line ??= new LinkedList());
    return new Promise((resolve, reject) => line.push({ resolve, reject }));
  }

  leave(): void {
    const next = this.#line?.shift();
    if (next === undefined) this.#busy = false;
    else next.resolve();
  }

  /** Sends away everybody who waits; they have not entered. */
  dismiss(error: unknown): void {
    for (let turn = this.#line?.shift(); turn !== undefined; turn = this.#line?.shift()) turn.reject(error);
  }
}
