import { type CancelTimer, type Clock, LinkedList } from '../core/index.ts';
import type { SentStatements } from './transaction-parts.ts';

interface Turn {
  /** What may be sent before it is its turn; nothing for what has to wait for that. */
  readonly work: SentStatements | undefined;
  /** It is on its way. */
  isAhead: boolean;
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
  /** Whether what arrives here may be sent before it is its turn; without it, whatever may. */
  readonly mayBeAhead?: boolean;
  /** Sends statements behind those whose turn it is. @returns whether they are on their way */
  sendAhead?(work: SentStatements): boolean;
}

/**
 * Lets one through at a time, in the order of arrival. An entry is a statement or the whole life of
 * a nested scope: so a savepoint's rollback never takes the work of a sibling with it.
 */
export class Turns {
  #busy = false;
  #line: LinkedList<Turn> | undefined;
  /** Whose turn it is has been sent, and may be followed. */
  #followed: TurnOwner | undefined;
  /** Set while a waiter watches how long the present owner takes. */
  #stopWatching: CancelTimer | undefined;

  /**
   * Returns nothing when it is free, otherwise a promise of the turn. Each `enter` needs a `leave`.
   * @param work may be sent before it is its turn, which it still takes
   */
  enter(owner: TurnOwner, work?: SentStatements): Promise<void> | undefined {
    if (this.#busy) return this.#wait(owner.turnLimit, owner.mayBeAhead === false ? undefined : work);
    this.#busy = true;
    return undefined;
  }

  /** What has the turn is on its way: what waits may be sent behind it. */
  letFollow(owner: TurnOwner): void {
    this.#followed = owner;
    this.#sendAhead();
  }

  leave(): void {
    this.#followed = undefined;
    if (this.#stopWatching !== undefined) this.#forgive(this.#stopWatching);
    const next = this.#line?.shift();
    if (next === undefined) this.#busy = false;
    else next.resolve();
  }

  /** A scope that waits for a statement of its own parent would wait for ever, so a wait without progress ends. */
  #wait(limit: TurnLimit, work: SentStatements | undefined): Promise<void> {
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
      work,
      isAhead: false,
      resolve: () => {
        cancelTimer();
        resolve();
      },
      reject,
    });
    watch();
    this.#sendAhead();
    return promise;
  }

  /** In the order of the turns, so that nothing is sent in front of what has to wait. */
  #sendAhead(): void {
    const followed = this.#followed;
    if (followed?.sendAhead === undefined || this.#line === undefined) return;
    for (const turn of this.#line) {
      if (turn.isAhead) continue;
      if (turn.work === undefined || !followed.sendAhead(turn.work)) return;
      turn.isAhead = true;
    }
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
