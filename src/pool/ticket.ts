import type { CancelTimer, Clock, LinkedList, ListNode } from '../core/index.ts';
import type { AcquireRequest } from './request.ts';

/** A request that could not be served at once. It leaves its line in constant time, whatever the reason. */
export class Ticket<Result> {
  readonly request: AcquireRequest;
  readonly promise: Promise<Result>;
  #resolve: (result: Result) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #node: ListNode<Ticket<Result>> | undefined;
  #cancelTimer: CancelTimer | undefined;
  #onAbort: (() => void) | undefined;

  constructor(request: AcquireRequest) {
    this.request = request;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Bounds the wait: `onTimeout` and `onAbort` are to fail the ticket. */
  limit(clock: Clock, timeout: number, onTimeout: () => void, onAbort: (reason: unknown) => void): void {
    this.#cancelTimer = clock.setTimer(onTimeout, timeout);
    const { signal } = this.request;
    if (signal === undefined) return;
    this.#onAbort = () => onAbort(signal.reason);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  joinLine(line: LinkedList<Ticket<Result>>): void {
    this.leaveLine();
    this.#node = line.push(this);
  }

  isIn(line: LinkedList<Ticket<Result>>): boolean {
    return this.#node?.list === line;
  }

  leaveLine(): void {
    if (this.#node !== undefined) this.#node.list?.remove(this.#node);
  }

  resolve(result: Result): void {
    this.#finish();
    this.#resolve(result);
  }

  reject(error: unknown): void {
    this.#finish();
    this.#reject(error);
  }

  #finish(): void {
    this.leaveLine();
    this.#cancelTimer?.();
    if (this.#onAbort !== undefined) this.request.signal?.removeEventListener('abort', this.#onAbort);
  }
}
