import type { CancelTimer, Clock } from './clock.ts';
import { LinkedList, type ListNode } from './linked-list.ts';

/** Its place in line with the others that wait. */
export type PlaceInLine<Waiter> = ListNode<Timed<Waiter>>;

interface Timed<Waiter> {
  readonly waiter: Waiter;
  readonly deadline: number;
}

/** How many waits are given up in one turn of the event loop: what each of them ends takes its time too. */
const mostAtOnce = 100;

/** Gives waits up after the same time for each: they end in the order in which they began, so one timer is enough for all. */
export class TimeoutQueue<Waiter> {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #giveUp: (waiter: Waiter) => void;
  readonly #background: boolean;
  readonly #line = new LinkedList<Timed<Waiter>>();
  #cancelTimer: CancelTimer | undefined;

  /**
   * @param giveUp is to end the wait, and so to take it out
   * @param background for waits that are many and short: its timer goes on without any, and keeps no process alive
   */
  constructor(clock: Clock, timeout: number, giveUp: (waiter: Waiter) => void, background = false) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#giveUp = giveUp;
    this.#background = background;
  }

  begin(waiter: Waiter): PlaceInLine<Waiter> {
    const place = this.#line.push({ waiter, deadline: this.#clock.now() + this.#timeout });
    if (this.#cancelTimer === undefined) this.#lookAfter(this.#timeout);
    return place;
  }

  end(place: PlaceInLine<Waiter>): void {
    this.#line.remove(place);
    if (this.#line.size > 0 || this.#background) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #lookAfter(delay: number): void {
    this.#cancelTimer = this.#clock.setTimer(
      () => {
        this.#cancelTimer = undefined;
        const now = this.#clock.now();
        for (let ended = 0; ended < mostAtOnce; ended += 1) {
          const { first } = this.#line;
          if (first === undefined || first.deadline > now) break;
          this.#line.shift();
          this.#giveUp(first.waiter);
        }
        const { first } = this.#line;
        if (first !== undefined && this.#cancelTimer === undefined) this.#lookAfter(Math.max(1, first.deadline - now));
      },
      delay,
      this.#background,
    );
  }
}
