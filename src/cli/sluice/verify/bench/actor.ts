import type { Database, IsolationLevel } from '../../../../index.ts';

/** One of two concurrent transactions: it does what it is told, one step after the other, until it is told to end. */
export class Actor {
  readonly #steps: (() => Promise<void>)[] = [];
  readonly #patience: number;
  readonly #outcome: Promise<boolean>;
  #wake: (() => void) | undefined;
  #end: 'commit' | 'rollback' | undefined;

  /** @param options.patience how long a step may take before it counts as waiting for a lock, in milliseconds */
  constructor(
    database: Database,
    options: { readonly isolationLevel: IsolationLevel; readonly patience: number; readonly signal: AbortSignal },
  ) {
    const { isolationLevel, patience, signal } = options;
    this.#patience = patience;
    this.#outcome = database
      .transaction(() => this.#play(), { isolationLevel, signal, timeout: 20_000, name: 'sluice verify' })
      .then(
        () => true,
        () => false,
      );
  }

  /** Does a step. Resolves when it is done or has failed, or when it waits for a lock; then it goes on later. */
  async tell(work: () => Promise<unknown>): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#steps.push(async () => {
        try {
          await work();
        } finally {
          resolve();
        }
      });
    });
    this.#wake?.();
    await this.#orPatience(done);
  }

  async end(how: 'commit' | 'rollback'): Promise<void> {
    this.#end ??= how;
    this.#wake?.();
    await this.#orPatience(Promise.resolve(this.#outcome));
  }

  /** Whether it has committed. */
  committed(): Promise<boolean> {
    return this.#outcome;
  }

  async #play(): Promise<void> {
    for (;;) {
      const step = this.#steps.shift();
      if (step !== undefined) await step();
      else if (this.#end === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else break;
    }
    if (this.#end === 'rollback') throw new Error('rolled back on purpose');
  }

  async #orPatience(work: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.#patience)));
    await Promise.race([work, this.#outcome, over]);
    clearTimeout(timer);
  }
}
