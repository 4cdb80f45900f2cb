import { EventEmitter } from 'node:events';
import { callbackify } from 'node:util';

/** What Knex gives for `transaction(fn)`: a promise that also emits what happens in the transaction. */
export interface KnexTransaction extends PromiseLike<unknown> {
  on?(event: string | symbol, listener: (...args: unknown[]) => void): unknown;
  isCompleted?(): boolean;
}

type Callback = (error: Error | null, result?: unknown) => void;

const forwarded: ReadonlySet<string | symbol> = new Set(['start', 'query', 'query-error', 'query-response']);

/** The same for a transaction of Knex that begins later: once its scope is there. */
export class RunningTransaction extends EventEmitter implements PromiseLike<unknown> {
  readonly #promise: Promise<unknown>;
  #begun: KnexTransaction | undefined;
  #forwarded: Set<string | symbol> | undefined;

  /** @param run is given what takes the transaction when Knex has made it */
  constructor(run: (begun: (transaction: KnexTransaction) => KnexTransaction) => Promise<unknown>) {
    super();
    this.#promise = run((transaction) => {
      this.#begun = transaction;
      for (const event of this.eventNames()) this.#forward(event);
      return transaction;
    });
  }

  override on(event: string | symbol, listener: (...args: never[]) => void): this {
    super.on(event, listener as (...args: unknown[]) => void);
    this.#forward(event);
    return this;
  }

  override addListener(event: string | symbol, listener: (...args: never[]) => void): this {
    return this.on(event, listener);
  }

  /** Forwards an event that has listeners, once the transaction has begun. */
  #forward(event: string | symbol): void {
    if (this.#begun === undefined || !forwarded.has(event) || this.#forwarded?.has(event) === true) return;
    (this.#forwarded ??= new Set()).add(event);
    // One of a mock may be a promise alone.
    this.#begun.on?.(event, (...args) => void this.emit(event, ...args));
  }

  isCompleted(): boolean {
    return this.#begun?.isCompleted?.() ?? false;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is awaited, as that of Knex is
  then: PromiseLike<unknown>['then'] = (onFulfilled, onRejected) => this.#promise.then(onFulfilled, onRejected);

  catch(onRejected: (reason: unknown) => unknown): Promise<unknown> {
    return this.#promise.catch(onRejected);
  }

  finally(onFinally: () => void): Promise<unknown> {
    return this.#promise.finally(onFinally);
  }

  asCallback(callback: Callback): Promise<unknown> {
    callbackify(() => this.#promise)(callback);
    return this.#promise;
  }
}
