import { reportBackgroundError } from '../channels/index.ts';
import { runInFrame } from '../context/index.ts';
import { type CancelTimer, isInstance, onAbort, systemClock } from '../core/index.ts';
import {
  SagaCancelledError,
  SagaFailedError,
  SagaNotFoundError,
  SagasStoppedError,
  SagaStepFailedError,
  SagaStuckError,
  SagaTimeoutError,
} from './errors.ts';
import type { SagaDriver } from './driver.ts';
import { isClosed, restoreFailure, type SagaName } from './failure.ts';
import { fromJson, type SagaState, type SagaStore } from './store.ts';

/** Options of a wait for the end of a saga. */
export interface ResultOptions {
  /** How long it is waited for, in milliseconds. Default: for ever. The saga goes on. */
  readonly timeout?: number | undefined;
  /** Ends the wait when it aborts. The saga goes on. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly name: SagaName;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The most sagas that one statement asks for. */
const mostAtOnce = 500;

/** Those who wait for the end of sagas: they are told by the driver in this process, or find out by looking, all with one timer. */
export class SagaWaiting {
  readonly #store: SagaStore;
  readonly #interval: number;
  readonly #waiters = new Map<string, Set<Waiter>>();
  #cancelTimer: CancelTimer | undefined;
  #isStopped = false;

  constructor(store: SagaStore, interval: number) {
    this.#store = store;
    this.#interval = interval;
  }

  /** @throws SagaFailedError, SagaCancelledError, SagaStuckError, SagaTimeoutError, SagaNotFoundError, SagasStoppedError */
  waitFor(name: SagaName, { timeout, signal }: ResultOptions): Promise<unknown> {
    if (this.#isStopped) return Promise.reject(stopped(name));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const waiter: Waiter = { name, resolve, reject };
    const key = keyOf(name);
    const those = this.#waiters.get(key) ?? new Set();
    this.#waiters.set(key, those.add(waiter));
    const cancelTimer =
      timeout === undefined ? undefined : systemClock.setTimer(() => reject(late(name, timeout)), timeout);
    const unfollow = signal === undefined ? undefined : onAbort(signal, () => reject(signal.reason as Error));
    const end = (): void => {
      cancelTimer?.();
      unfollow?.();
      those.delete(waiter);
      if (those.size === 0) this.#waiters.delete(key);
    };
    this.#schedule();
    return promise.finally(end);
  }

  /** A saga has ended, or is stuck, in this process. @param error what its body threw */
  settle(state: SagaState, error?: unknown): void {
    for (const waiter of this.#waiters.get(keyOf(state)) ?? []) tell(waiter, state, error);
  }

  /** Ends all waits. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    for (const those of this.#waiters.values()) for (const { name, reject } of those) reject(stopped(name));
  }

  #schedule(): void {
    if (this.#cancelTimer !== undefined || this.#waiters.size === 0 || this.#isStopped) return;
    this.#cancelTimer = systemClock.setTimer(() => {
      void runInFrame(undefined, () => this.#look(), undefined);
    }, this.#interval);
  }

  async #look(): Promise<void> {
    try {
      const names = [...this.#waiters.values()].flatMap((those) => [...those].slice(0, 1).map(({ name }) => name));
      for (let at = 0; at < names.length; at += mostAtOnce) await this.#ask(names.slice(at, at + mostAtOnce));
    } catch (error) {
      if (isClosed(error)) this.stop();
      else reportBackgroundError({ source: 'sagas', error });
    } finally {
      this.#cancelTimer = undefined;
      this.#schedule();
    }
  }

  async #ask(names: readonly SagaName[]): Promise<void> {
    const states = new Map((await this.#store.states(names)).map((state) => [keyOf(state), state]));
    for (const name of names) {
      const state = states.get(keyOf(name));
      if (state !== undefined) this.settle(state);
      else for (const { reject } of this.#waiters.get(keyOf(name)) ?? []) reject(notFound(name));
    }
  }
}

/** The error for a saga that there is not. */
export function notFound({ saga, id }: SagaName): SagaNotFoundError {
  return new SagaNotFoundError({
    what: `There is no saga "${saga}" with this id`,
    remedy: 'Start it first; one whose transaction has not committed, or that is forgotten, is not there',
    saga,
    id,
  });
}

function keyOf({ saga, id }: SagaName): string {
  return `${saga}\0${id}`;
}

function tell({ name, resolve, reject }: Waiter, { status, result, failure, stuck }: SagaState, error: unknown): void {
  const { saga, id } = name;
  const cause = (json: string | null): unknown => error ?? (json === null ? undefined : restoreFailure(json, name));
  if (stuck !== null) {
    const what = `The saga "${saga}" is stuck`;
    reject(
      new SagaStuckError({
        what,
        remedy: 'See its cause, mend that, and resume the saga',
        cause: cause(stuck),
        saga,
        id,
      }),
    );
  } else if (status === 'completed') resolve(fromJson(result));
  else if (status === 'failed') {
    reject(failed(name, cause(failure)));
  } else if (status === 'cancelled') {
    const what = `The saga "${saga}" was cancelled, and its steps are compensated`;
    reject(new SagaCancelledError({ what, remedy: 'Start another one, with another id', saga, id }));
  }
}

function failed({ saga, id }: SagaName, cause: unknown): SagaFailedError {
  const of = isInstance(cause, SagaStepFailedError) ? cause : undefined;
  const where = of === undefined ? '' : ` at its step "${of.step}" (${of.failure.name})`;
  return new SagaFailedError({
    what: `The saga "${saga}" has failed${where}, and its steps are compensated`,
    remedy: 'See its cause',
    cause,
    saga,
    id,
    step: of?.step,
  });
}

function late({ saga, id }: SagaName, timeout: number): SagaTimeoutError {
  return new SagaTimeoutError({
    what: `The saga "${saga}" has not ended within ${timeout} ms`,
    remedy:
      'It goes on in each process that has started sagas with its version: wait longer, or ask for its result later',
    saga,
    id,
  });
}

function stopped({ saga }: SagaName): SagasStoppedError {
  return new SagasStoppedError({
    what: `The sagas of this process were stopped while "${saga}" was waited for`,
    remedy: 'It goes on in another process, or here with other sagas of createSagas(): ask for its result there',
  });
}

/** Has a driver drive sagas. @throws SagasStoppedError where it was stopped; DatabaseClosedError */
export function begin(driver: Pick<SagaDriver, 'isStopped' | 'start'>, call: string): void {
  if (driver.isStopped) {
    throw new SagasStoppedError({
      what: `${call} was called after stop(), which is for good; nothing was started`,
      remedy: 'Make others with createSagas(), which take what is left to do, and start those',
    });
  }
  driver.start();
}
