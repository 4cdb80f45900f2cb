import { type CancelTimer, type Clock, LinkedList } from '../core/index.ts';

interface Turn {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** When a wait for a turn is given up. */
export interface LaneLimit {
  readonly clock: Clock;
  /** How long nothing may happen, in milliseconds. */
  readonly timeout: number;
  /** Changes whenever something happens; nothing while something is happening now. */
  readonly progress: () => number | undefined;
  readonly error: () => unknown;
  /** Ends all that the lane is part of, as who has it does not leave it. */
  readonly end: (error: unknown) => void;
}

/** Whose lane it is; the limit is looked at only by those who have to wait. */
export interface LaneOwner {
  readonly laneLimit: LaneLimit;
}

/**
 * Lets one through at a time, in the order of arrival. An entry is a statement or the whole life of
 * a nested scope: so a savepoint's rollback never takes the work of a sibling with it.
 */
export class Lane {
  #busy = false;
  #line: LinkedList<Turn> | undefined;
  /** Set while the one that is in has kept somebody else waiting for too long. */
  #stopWatching: CancelTimer | undefined;

  /** Returns nothing when the lane is free, otherwise a promise of one's turn. Who has entered must leave. */
  enter(owner: LaneOwner): Promise<void> | undefined {
    if (this.#busy) return this.#wait(owner.laneLimit);
    this.#busy = true;
    return undefined;
  }

  leave(): void {
    if (this.#stopWatching !== undefined) this.#forgive(this.#stopWatching);
    const next = this.#line?.shift();
    if (next === undefined) this.#busy = false;
    else next.resolve();
  }

  /** A scope that waits for a statement of its own parent would wait for ever, so a wait without progress ends. */
  #wait(limit: LaneLimit): Promise<void> {
    const { clock, timeout, progress, error } = limit;
    const line = (this.#line ??= new LinkedList());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let cancelTimer: CancelTimer;
    let seen = progress();
    const watch = (): void => {
      cancelTimer = clock.setTimer(() => {
        const now = progress();
        if (now !== undefined && now === seen) {
          line.remove(node);
          const reason = error();
          this.#stopWatching ??= this.#watchHolder(limit, now, reason);
          reject(reason);
          return;
        }
        seen = now;
        watch();
      }, timeout);
    };
    const node = line.push({
      resolve: () => {
        cancelTimer();
        resolve();
      },
      reject,
    });
    watch();
    return promise;
  }

  /** The refusal of what it waited for may have let the one that is in go on. If nothing happens for as long again, it never will. */
  #watchHolder(limit: LaneLimit, seen: number, reason: unknown): CancelTimer {
    return limit.clock.setTimer(() => {
      const now = limit.progress();
      this.#stopWatching = undefined;
      if (now === seen) limit.end(reason);
      else this.#stopWatching = this.#watchHolder(limit, now ?? seen, reason);
    }, limit.timeout);
  }

  #forgive(stopWatching: CancelTimer): void {
    stopWatching();
    this.#stopWatching = undefined;
  }
}
