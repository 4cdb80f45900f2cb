import type { CancelTimer, Clock } from '../../src/core/index.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time that passes only when it is told to. */
export class SimulatedClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();
  readonly #background = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#timers.size;
  }

  setTimer(callback: () => void, delay: number, background = false): CancelTimer {
    this.#order += 1;
    const timer: Timer = { at: this.#now + delay, order: this.#order, callback };
    const timers = background ? this.#background : this.#timers;
    timers.add(timer);
    return () => timers.delete(timer);
  }

  /** Goes to the next timer that keeps the process alive, and calls it; false if there is none before the horizon. */
  advance(horizon = Number.POSITIVE_INFINITY): boolean {
    const next = [...this.#timers].toSorted((one, other) => one.at - other.at || one.order - other.order)[0];
    if (next === undefined || next.at > horizon) return false;
    this.#timers.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.callback();
    return true;
  }

  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => this.setTimer(resolve, delay));
  }
}
