import type { Driver } from '../driver/index.ts';
import type { Rider } from './rider.ts';

/** When a transaction has to have committed at the latest, by the clock of its client. */
export class CommitDeadline {
  #deadline = Number.POSITIVE_INFINITY;
  #tooLate: (cause: unknown) => unknown = (cause) => cause;

  /** The earliest of several holds. @param tooLate makes the error for it */
  lower(deadline: number, tooLate: (cause: unknown) => unknown): void {
    if (deadline >= this.#deadline) return;
    this.#deadline = deadline;
    this.#tooLate = tooLate;
  }

  /**
   * What rides before the COMMIT, if the engine can refuse one. The server began after it was asked to, so it refuses rather too
   * early. @param startedAt when the server had answered BEGIN
   */
  rider(driver: Driver, startedAt: number): Rider | undefined {
    const within = Math.max(0, Math.floor(this.#deadline - startedAt));
    const statement = driver.refusalAfter?.(within);
    return statement === undefined ? undefined : { seat: 'beforeCommit', statement, refused: this.#tooLate };
  }
}
