import type { CancelTimer, Clock } from '../core/index.ts';
import type { DriverConnection, Exchange, Failure } from '../driver/index.ts';
import { withCaller } from './failures.ts';

/** How long a cancelled statement, or the rollback after it, may take before the connection is cut. */
const grace = 5_000;

/** Ends a transaction from outside of its body: by its timeout, its signal, or the closing of the database. */
export class Cancellation {
  readonly #clock: Clock;
  readonly #connection: () => DriverConnection | undefined;
  #stops: CancelTimer[] | undefined;
  #controller: AbortController | undefined;
  #request: { readonly reason: unknown } | undefined;
  #running: Promise<Exchange> | undefined;
  #cancelling: Promise<void> | undefined;
  #inDoubt = false;

  constructor(clock: Clock, connection: () => DriverConnection | undefined) {
    this.#clock = clock;
    this.#connection = connection;
  }

  /** The server did not confirm in time that the connection is free. */
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
  /** Aborts with the transaction; there is none unless a timeout or signal was given. */
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
    const onAbort = (): void => this.request(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    this.#onStop(() => signal.removeEventListener('abort', onAbort));
  }

  /** Cancels now: what runs on the server is cancelled there, what waits here is refused. */
  request(reason: unknown): void {
    if (this.#request !== undefined) return;
    this.#request = { reason };
    if (this.#running !== undefined) this.#cancelling = this.#connection()?.cancel();
    this.#controller?.abort(reason);
  }

  throwIfRequested(): void {
    if (this.#request !== undefined) throw this.#request.reason;
  }

  /** Resolves as `work` does, or rejects at once when the transaction is cancelled. */
  race<Result>(work: Promise<Result>): Promise<Result> {
    const signal = this.signal;
    if (signal === undefined) return work;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      work.then(resolve, reject);
    });
  }

  /** Keeps the exchange that is under way, so that it can be cancelled; nothing: it has ended. */
  watch(exchange: Promise<Exchange> | undefined): void {
    this.#running = exchange;
  }

  /** The error for a failed statement: the reason for the cancellation, if that is why it failed. */
  explain(failure: Failure): unknown {
    return this.#request !== undefined && failure.kind === 'cancelled'
      ? this.#request.reason
      : withCaller(failure.error);
  }

  /** Waits until a cancelled statement has ended and no cancel request is under way any more. */
  async settled(): Promise<void> {
    if (this.#request === undefined) return;
    await this.bounded(this.#running);
    await this.bounded(this.#cancelling);
  }

  /** Waits for `work`, for a cancelled transaction no longer than the grace time. Its failure shows in the connection's status. */
  async bounded(work: Promise<unknown> | undefined): Promise<void> {
    if (work === undefined || this.#inDoubt) return;
    if (this.#request === undefined) {
      await work;
      return;
    }
    this.#inDoubt = !(await settlesWithin(this.#clock, grace, work));
  }

  stop(): void {
    if (this.#stops === undefined) return;
    for (const stop of this.#stops.splice(0)) stop();
  }

  #onStop(stop: CancelTimer): void {
    (this.#stops ??= []).push(stop);
  }
}

function settlesWithin(clock: Clock, limit: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancelTimer = clock.setTimer(() => resolve(false), limit);
    const done = (): void => {
      cancelTimer();
      resolve(true);
    };
    work.then(done, done);
  });
}
