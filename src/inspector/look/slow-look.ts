import { describeThrown, systemClock } from '../../core/index.ts';

/** How long a server may take to answer, in milliseconds. */
const timeout = 2_000;
/** After an answer that took long so many times as long passes, where there is a pause at all: counting may read a large table. */
const pauses = 20;

/** What is asked, and how often. */
export interface SlowLookSettings<Found> {
  readonly ask: () => Promise<Found>;
  /** What is shown as long as there is no answer. */
  readonly nothing: Found;
  /** What is said where there is none, in words. */
  readonly problem: string;
  /** At least so many milliseconds lie between two questions, and more where the answers take long; 0 for no pause. */
  readonly every: number;
}

/** Something that a server is asked while the looks go on, which do not wait for it; one question at a time. */
export class SlowLook<Found> {
  /** What was answered last. */
  found: Found;
  /** Why there is no answer. */
  problem: string | undefined;
  readonly #settings: SlowLookSettings<Found>;
  #isRunning = false;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** How long the last answer took, in milliseconds. */
  #took = 0;

  constructor(settings: SlowLookSettings<Found>) {
    this.#settings = settings;
    this.found = settings.nothing;
  }

  /** Asks, unless a question is under way or was asked a moment ago. */
  ask(): void {
    const { ask, every } = this.#settings;
    const now = performance.now();
    const pause = every === 0 ? 0 : Math.max(every, this.#took * pauses);
    if (this.#isRunning || now - this.#askedAt < pause) return;
    this.#isRunning = true;
    this.#askedAt = now;
    const asked = ask();
    asked
      .catch(() => {})
      .finally(() => {
        this.#isRunning = false;
        this.#took = performance.now() - now;
      });
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancelTimer = systemClock.setTimer(() => reject(new Error('no answer')), timeout, true);
    Promise.race([asked, late])
      .then(
        (found) => this.#note(found, undefined),
        (error: unknown) => this.#note(this.#settings.nothing, error),
      )
      .finally(cancelTimer);
  }

  #note(found: Found, error: unknown): void {
    this.found = found;
    this.problem = error === undefined ? undefined : `${this.#settings.problem}: ${describeThrown(error).name}`;
  }
}
