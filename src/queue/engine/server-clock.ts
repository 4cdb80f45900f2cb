import { systemClock } from '../../core/index.ts';

/** An answer that took longer, in milliseconds, hardly tells the time. */
const slowAnswer = 1_000;
const mostTries = 3;
/** After so many milliseconds a server is asked again: its clock may have been set, or another server have taken its place. */
const validity = 60_000;

/**
 * The time of a server, by which all processes of an engine go. Between two answers it goes on with a clock that no one sets, so
 * that a job is not late where that of its machine is. For the `now` of engines that have a server.
 *
 * ```ts
 * const clock = new ServerClock(async () => Date.now());
 * await clock.measure();
 * console.log(clock.now());
 * ```
 */
export class ServerClock {
  readonly #ask: () => Promise<number>;
  readonly #clock: { now(): number };
  /** What has to be added to the clock of this process to get that of the server: that of this machine, until it has answered. */
  #offset: number;
  #askedAt: number;
  #isMeasured = false;

  /** @param ask gets the time of the server, in milliseconds since 1970 */
  constructor(ask: () => Promise<number>, clock: { now(): number } = systemClock) {
    this.#ask = ask;
    this.#clock = clock;
    this.#askedAt = clock.now();
    this.#offset = Date.now() - this.#askedAt;
  }

  /** Milliseconds since 1970. */
  now(): number {
    const now = this.#clock.now();
    if (now - this.#askedAt > validity) this.remeasure();
    return now + this.#offset;
  }

  /** Asks the server, again where its answer is slow. @throws what `ask` throws */
  async measure(): Promise<void> {
    // A slow answer is better than none, but not than an earlier one that was fast.
    let best = this.#isMeasured ? slowAnswer : Number.POSITIVE_INFINITY;
    for (let tries = 0, took = Number.POSITIVE_INFINITY; tries < mostTries && took > slowAnswer; tries += 1) {
      const before = this.#clock.now();
      this.#askedAt = before;
      const time = await this.#ask();
      took = this.#clock.now() - before;
      if (took >= best) continue;
      best = took;
      this.#offset = time - (before + took / 2);
      this.#isMeasured = true;
    }
  }

  /** Asks in the background. While the server is away the last answer holds: who needs the server is told by that. */
  remeasure(): void {
    this.measure().catch(() => {});
  }
}
