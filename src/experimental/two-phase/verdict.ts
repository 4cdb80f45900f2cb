import type { Outcome } from '../../connection/index.ts';

/** How the transaction on the first client has ended, which decides for all. */
export interface Verdict {
  readonly outcome: Outcome;
  /** Why it is not committed. */
  readonly error?: unknown;
}

/** A verdict that is waited for. */
export class Deciding {
  readonly #known = Promise.withResolvers<Verdict>();
  #verdict: Verdict | undefined;

  get verdict(): Verdict | undefined {
    return this.#verdict;
  }
  get known(): Promise<Verdict> {
    return this.#known.promise;
  }

  /** The first verdict stays. */
  settle(verdict: Verdict): void {
    this.#verdict ??= verdict;
    this.#known.resolve(this.#verdict);
  }
}
