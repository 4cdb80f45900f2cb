import { type LinkedList, type ListNode, onOwnAbort, type TimeoutQueue, type PlaceInLine } from '../core/index.ts';
import type { AcquireRequest } from './request.ts';

/** A request that could not be served at once. It leaves its line in constant time, whatever the reason. */
export class Ticket<Result> {
  readonly request: AcquireRequest;
  readonly #settle = Promise.withResolvers<Result>();
  #node: ListNode<Ticket<Result>> | undefined;
  #timeouts: TimeoutQueue<Ticket<Result>> | undefined;
  #place: PlaceInLine<Ticket<Result>> | undefined;
  #stopFollowing: (() => void) | undefined;

  constructor(request: AcquireRequest) {
    this.request = request;
  }

  get promise(): Promise<Result> {
    return this.#settle.promise;
  }

  /** Bounds the wait; what ends it is to fail the ticket. */
  limit(timeouts: TimeoutQueue<Ticket<Result>>): void {
    this.#timeouts = timeouts;
    this.#place = timeouts.begin(this);
  }

  /** The same for the signal of the request. */
  onAbort(signal: AbortSignal, callback: (reason: unknown) => void): void {
    this.#stopFollowing = onOwnAbort(signal, () => callback(signal.reason));
  }

  joinLine(line: LinkedList<Ticket<Result>>): void {
    this.leaveLine();
    this.#node = line.push(this);
  }

  /** Before those that wait in it. */
  joinFront(line: LinkedList<Ticket<Result>>): void {
    this.leaveLine();
    this.#node = line.unshift(this);
  }

  isIn(line: LinkedList<Ticket<Result>>): boolean {
    return this.#node?.list === line;
  }

  leaveLine(): void {
    if (this.#node !== undefined) this.#node.list?.remove(this.#node);
  }

  resolve(result: Result): void {
    this.#finish();
    this.#settle.resolve(result);
  }

  reject(error: unknown): void {
    this.#finish();
    this.#settle.reject(error);
  }

  #finish(): void {
    this.leaveLine();
    if (this.#place !== undefined) this.#timeouts?.end(this.#place);
    this.#stopFollowing?.();
  }
}
