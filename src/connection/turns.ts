import { type CancelTimer, type Clock, LinkedList } from '../core/index.ts';

interface Turn {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** When a wait for a turn is given up. */
export interface TurnLimit {
  readonly clock: Clock;
  /** How long nothing may happen, in milliseconds. */
  readonly timeout: number;
  /** Changes whenever something happens; nothing while something is happening now. */
  readonly progress: () => number | undefined;
  readonly error: () => unknown;
  /** Ends all that the turns belong to, since the one that has its turn does not leave. */
  readonly end: (error: unknown) => void;
}

/** Whose turns they are; only those who have to wait look at the limit. */
export interface TurnOwner {
  readonly turnLimit: TurnLimit;
}

/**
 * Lets one through at a time, in the order of arrival. An entry is a statement or the whole life of
 * a nested scope: so a savepoint's rollback never takes the work of a sibling with it.
 */
export class Turns {
  #busy = false;
  #line: LinkedList<Turn> | undefined;
  /** Set while a waiter watches how long the present owner takes. */
  #stopWatching: CancelTimer | undefined;

  /** Returns nothing when it is free, otherwise a promise of the turn. Each `enter` needs a `leave`. */
  enter(owner: TurnOwner): Promise<void> | undefined {
    if (this.#busy) return this.#wait(owner.turnLimit);
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
  #wait(limit: TurnLimit): Promise<void> {
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
  #watchHolder(limit: TurnLimit, seen: number, reason: unknown): CancelTimer {
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
