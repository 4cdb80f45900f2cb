import { type CancelTimer, type Clock, onAbort, onOwnAbort } from '../core/index.ts';
import type { DriverConnection, Failure } from '../driver/index.ts';
import { withCaller } from './failures.ts';

/**
 * How long after its end has been asked for a call may still wait for the server to confirm what became of it, in
 * milliseconds: for the answer to the cancelled statement and to the rollback after it together. Who has not heard
 * by then cuts the connection.
 */
const grace = 60;
/** When the connection is cut of what a closing database has asked for its end, in milliseconds: after all that ends by itself. */
export const cutAfter: number = 2 * grace;

/** What a body comes to when its transaction is cancelled. */
export interface Interrupted {
  readonly type: 'thrown';
  readonly error: unknown;
}

/** Ends a transaction from outside of its body: by its timeout, its signal, or the closing of the database. */
export class Cancellation {
  readonly #clock: Clock;
  readonly #connection: () => DriverConnection | undefined;
  #stops: CancelTimer[] | undefined;
  #controller: AbortController | undefined;
  #request: { readonly reason: unknown } | undefined;
  /** When the server is waited for no more. */
  #giveUpAt = 0;
  #running: Promise<unknown> | undefined;
  #cancelling: Promise<void> | undefined;
  #inDoubt = false;
  #interrupt: ((result: Interrupted) => void) | undefined;

  constructor(clock: Clock, connection: () => DriverConnection | undefined) {
    this.#clock = clock;
    this.#connection = connection;
  }

  /** The server has not confirmed that the connection is free and that no late cancel request can reach it. */
  get inDoubt(): boolean {
    return this.#inDoubt;
  }
  get requested(): { readonly reason: unknown } | undefined {
    return this.#request;
  }
  /** Whether a statement is under way on the server. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }
  /** Aborts with the transaction; there is none unless a timeout or signal was given, or the end was asked for. */
  get signal(): AbortSignal | undefined {
    return this.#controller?.signal;
  }

  /** Cancels after `timeout` milliseconds, for the reason made then. */
  onTimeout(timeout: number, reason: () => unknown): void {
    this.#controller ??= new AbortController();
    this.#onStop(this.#clock.setTimer(() => this.request(reason()), timeout));
  }

  /** Cancels when the caller's signal aborts. */
  onSignal(signal: AbortSignal): void {
    this.#controller ??= new AbortController();
    this.#onStop(onAbort(signal, () => this.request(signal.reason)));
  }

  /** Cancels now: what runs on the server is cancelled there, what waits here is refused. */
  request(reason: unknown): void {
    if (this.#request !== undefined) return;
    this.#request = { reason };
    this.#giveUpAt = this.#clock.now() + grace;
    if (this.#running !== undefined) {
      this.#cancelling = this.#connection()?.cancel();
      this.#inDoubt = true;
    }
    (this.#controller ??= new AbortController()).abort(reason);
    this.#interrupt?.({ type: 'thrown', error: reason });
  }

  /** The same, and cuts the connection later: what had been sent before can be waiting for its answer without a limit. */
  requestAndCut(reason: unknown): void {
    this.request(reason);
    this.#onStop(this.#clock.setTimer(() => void this.#connection()?.destroy(), cutAfter));
  }

  throwIfRequested(): void {
    if (this.#request !== undefined) throw this.#request.reason;
  }

  /** Resolves as `work` does, or rejects at once when the transaction is cancelled. */
  race<Result>(work: Promise<Result>): Promise<Result> {
    const signal = this.signal;
    if (signal === undefined) return work;
    return new Promise((resolve, reject) => {
      const stop = onOwnAbort(signal, () => reject(signal.reason as Error));
      work.then(resolve, reject);
      // A checkout may send very many.
      work.then(stop, stop);
    });
  }

  /** What the body comes to; once the transaction is cancelled, by whatever, that it threw the reason. */
  raceBody<Done>(body: Promise<Done>): Promise<Done | Interrupted> {
    if (this.#request !== undefined) return Promise.resolve({ type: 'thrown', error: this.#request.reason });
    return new Promise((resolve, reject) => {
      this.#interrupt = resolve;
      // These two as they are: through them the engine's async stack traces find who awaits the body.
      body.then(resolve, reject);
    });
  }

  /** Keeps the exchange that is under way, so that it can be cancelled; nothing: it has ended. */
  watch(exchange: Promise<unknown> | undefined): void {
    this.#running = exchange;
  }

  /** The error for what failed: the reason for the cancellation, if that is why it failed. */
  causeOf({ kind, error }: Failure): unknown {
    return this.#request !== undefined && kind === 'cancelled' ? this.#request.reason : error;
  }

  /** The same for a statement, with the place that sent it. */
  explain(failure: Failure): unknown {
    const cause = this.causeOf(failure);
    return cause === failure.error ? withCaller(cause) : cause;
  }

  /**
   * Waits until a cancelled statement has ended and all cancel requests are done, for the grace time at most.
   * @returns whether the connection is free
   */
  async settled(): Promise<boolean> {
    if (this.#request !== undefined) {
      const ended = Promise.allSettled([this.#running, this.#cancelling]);
      this.#inDoubt = (await this.bounded(ended)) === undefined;
    }
    return !this.#inDoubt;
  }

  /**
   * Resolves as `work` does. Once cancellation was requested, before or during `work`, waits until the grace time is over at
   * most; then there is no result, and the connection is in doubt.
   */
  bounded<Result>(work: Promise<Result>): Promise<Result | undefined> {
    const signal = this.signal;
    if (signal === undefined) return work;
    return new Promise((resolve, reject) => {
      let cancelTimer: CancelTimer | undefined;
      const limit = (): void => {
        const giveUp = (): void => {
          this.#inDoubt = true;
          resolve(undefined);
        };
        cancelTimer = this.#clock.setTimer(giveUp, Math.max(0, this.#giveUpAt - this.#clock.now()));
      };
      const stopFollowing = onOwnAbort(signal, limit);
      const stop = (): void => {
        stopFollowing();
        cancelTimer?.();
      };
      work.finally(stop).then(resolve, reject);
    });
  }

  /** As `bounded`, where what asks for the end may come later and leave no signal behind until then. */
  boundedLater<Result>(work: Promise<Result>): Promise<Result | undefined> {
    if (this.signal !== undefined) return this.bounded(work);
    return new Promise((resolve, reject) => {
      this.#interrupt = () => void this.bounded(work).then(resolve, reject);
      work.then(resolve, reject);
    });
  }

  stop(): void {
    if (this.#stops === undefined) return;
    for (const stop of this.#stops.splice(0)) stop();
  }

  #onStop(stop: CancelTimer): void {
    (this.#stops ??= []).push(stop);
  }
}
