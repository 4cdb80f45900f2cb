import { onAbort, sharedByCopies } from '../../core/index.ts';

interface Waiting {
  readonly alone: boolean;
  readonly begin: () => void;
}

/** Lets handlers run at once, but one that may kill its process alone, so that it takes no others with it. */
export class RunGate {
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #isAlone = false;

  /** @param signal while it waits @throws its reason; what `work` throws */
  async run<Result>(alone: boolean, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting.length > 0 || !this.#isFree(alone)) await this.#turn(alone, signal);
    else this.#begin(alone);
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#isAlone = false;
      this.#next();
    }
  }

  #isFree(alone: boolean): boolean {
    return !this.#isAlone && (!alone || this.#running === 0);
  }

  #begin(alone: boolean): void {
    this.#running += 1;
    this.#isAlone = alone;
  }

  /** In the order in which they came. */
  #turn(alone: boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        alone,
        begin: () => {
          forget();
          this.#begin(alone);
          resolve();
        },
      };
      const forget = onAbort(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
        this.#next();
      });
      this.#waiting.push(waiting);
    });
  }

  #next(): void {
    for (let [first] = this.#waiting; first !== undefined && this.#isFree(first.alone); [first] = this.#waiting) {
      this.#waiting.shift();
      first.begin();
    }
  }
}

/** That of the handlers of all consumers of this process. */
export const handlers: RunGate = sharedByCopies('handlers', () => new RunGate());
